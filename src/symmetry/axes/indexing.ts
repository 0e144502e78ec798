import { intAttr, intsAttr, stringAttr } from "../../graph/graph.ts";
import { contents, readContents } from "../../graph/known.ts";
import { clampSlice } from "../../graph/shapes/indexing.ts";
import { integers } from "../../graph/shapes/rule.ts";
import { type Axis, cut, fixedAxis, freeAxis, isFixed, product, sizeOfAxis, sum } from "../atoms.ts";
import { sliceOf, type Stack } from "../stack.ts";
import { namedAxes, namedAxis } from "./layout.ts";
import { type AxisContext, type AxisRule, hold, join, pin } from "./rule.ts";

/** Concat: axes one after the other; all other axes are one. */
export const concat: AxisRule = (c) => {
  const all = c.node.inputs.map((_, i) => c.axes(i));
  const at = namedAxis(c, all[0]!, 0);
  c.moves();
  return [
    all[0]!.map((axis, k) => {
      if (k === at) return sum(all.map((axes) => axes[k]!));
      for (const other of all.slice(1)) join(c, axis, other[k]!);
      return axis;
    }),
  ];
};

/** Split: the opposite of Concat. */
export const split: AxisRule = (c) => {
  const stack = c.stack(0);
  if (stack !== undefined && isAlong(c, stack) && c.node.outputs.length === stack.slices.length) {
    c.moves();
    return stack.slices.map((_, i) => sliceOf(stack, i, true));
  }
  const axes = c.axes(0);
  const at = namedAxis(c, axes, 0);
  const stretches = cut(
    axes[at]!,
    c.node.outputs.map((_, i) => c.shape(i)[at]!),
  );
  c.moves();
  return stretches.map((stretch) => axes.with(at, stretch));
};

/** Slice: a stretch of an axis; with steps, positions that have to be known by their place. */
export const slice: AxisRule = (c) => {
  const [from, to] = [readContents(c.known[1]), readContents(c.known[2])];
  const named = namedAxes(c, 3, c.shape(0).length) ?? from?.map((_, i) => i);
  const stack = c.stack(0);
  if (stack !== undefined && named?.length === 1 && named[0] === stack.axis && c.shape(0)[stack.axis] === 1) {
    const first = from?.[0];
    if (typeof first === "number") {
      c.moves();
      return [sliceOf(stack, first < 0 ? first + stack.slices.length : first, true)];
    }
  }
  const axes = [...c.axes(0)];
  const steps = c.has(4) ? readContents(c.known[4]) : named?.map(() => 1);
  c.moves();
  if (named === undefined) return c.refuse("is told what to take while running");
  named.forEach((at, i) => {
    const [start, end, step] = [from?.[i], to?.[i], steps?.[i]];
    const size = sizeOfAxis(axes[at]!);
    const count = c.shape(0)[at]!;
    if (typeof start !== "number" || typeof end !== "number" || typeof step !== "number") {
      hold(c, [axes[at]!], "is told what to take of it while running");
      axes[at] = fixedAxis(count);
    } else if (step === 1) {
      const { first } = clampSlice(size, start, end, 1);
      axes[at] = cut(axes[at]!, [first, count, size - first - count])[1]!;
    } else {
      hold(c, [axes[at]!], `takes positions ${step} apart of it`);
      axes[at] = fixedAxis(count);
    }
  });
  return [axes];
};

/**
 * Pad: with one number for all new elements, these may stand in any order: a stretch of zero channels is a space like any
 * other. Modes that repeat or mirror elements know them by their place.
 */
export const pad: AxisRule = (c) => {
  const axes = [...c.axes(0)];
  const amounts = integers(c.node, c.known, 1, "pads")?.values ?? c.refuse("is told its pads while running");
  const named = namedAxes(c, 3, axes.length) ?? axes.map((_, i) => i);
  const isConstant = stringAttr(c.node, "mode", "constant") === "constant";
  c.moves();
  named.forEach((at, i) => {
    const [before, after] = [amounts[i]!, amounts[i + named.length]!];
    if (before === 0 && after === 0) return;
    const axis = axes[at]!;
    const size = sizeOfAxis(axis);
    if (isFixed(axis) || !isConstant) {
      hold(c, [axis], "repeats its ends");
      axes[at] = fixedAxis(c.shape(0)[at]!);
      return;
    }
    const [, kept] = cut(axis, [
      Math.max(0, -before),
      size - Math.max(0, -before) - Math.max(0, -after),
      Math.max(0, -after),
    ]);
    axes[at] = sum([...grown(before), kept!, ...grown(after)]);
  });
  return [axes];
};

/** Whether the node's attribute `axis` is the one slices are stacked along. */
function isAlong(c: AxisContext, stack: Stack): boolean {
  const at = intAttr(c.node, "axis", 0);
  return (at < 0 ? at + stack.slices[0]!.length + 1 : at) === stack.axis;
}

function grown(count: number): Axis[] {
  return count > 0 ? [freeAxis(count)] : [];
}

/** Expand: an axis of size 1 is repeated; the copies are equal, so their order is free. */
export const expand: AxisRule = (c) => {
  const axes = c.axes(0);
  const shape = c.shape(0);
  const own: Axis[] = [];
  const output = shape.map((size, k) => {
    const axis = axes[k - shape.length + axes.length];
    if (axis === undefined || (sizeOfAxis(axis) === 1 && size !== 1)) return freeAxis(size);
    own.push(axis);
    return axis;
  });
  c.relate({ inputs: [own], outputs: [output], mixed: [] });
  return [output];
};

/** Tile: r copies of an axis one after the other, r × axis; the copies are equal, so their order is free. */
export const tile: AxisRule = (c) => {
  const axes = c.axes(0);
  const repeats = c.shape(0).map((size, k) => freeAxis(size / sizeOfAxis(axes[k]!)));
  c.relate({ inputs: [axes], outputs: [axes.flatMap((axis, k) => [repeats[k]!, axis])], mixed: [] });
  return [axes.map((axis, k) => product([repeats[k]!, axis]))];
};

/**
 * Gather: positions of one axis by number. Numbers that come with the data (tokens of an embedding) fix the axis by nature;
 * numbers in the graph take stretches of it where they can.
 */
export const gather: AxisRule = (c) => {
  const stack = c.stack(0);
  const one = contents(c.known[1]);
  if (stack !== undefined && isAlong(c, stack) && one?.length === 1 && typeof one[0] === "number") {
    const index = one[0] < 0 ? one[0] + stack.slices.length : one[0];
    c.moves();
    if (c.known[1]!.shape.length < 2) return [sliceOf(stack, index, c.known[1]!.shape.length === 1)];
  }
  const axes = c.axes(0);
  const indices = c.axes(1);
  const at = namedAxis(c, axes, 0);
  const axis = axes[at]!;
  const listed = contents(c.known[1]);
  const size = sizeOfAxis(axis);
  c.moves();
  const rest = (taken: readonly Axis[]): Axis[] => [...axes.slice(0, at), ...taken, ...axes.slice(at + 1)];
  const places = listed?.map((place) =>
    typeof place === "number" ? (place < 0 ? place + size : place) : -1,
  );
  const first = places?.[0] ?? -1;
  const isStretch = first >= 0 && places!.every((place, i) => place === first + i);
  if (isStretch && indices.length < 2) {
    const taken = cut(axis, [first, places!.length, size - first - places!.length])[1]!;
    return [rest(indices.length === 0 ? [] : [taken])];
  }
  if (listed === undefined) pin([axis]);
  else hold(c, [axis], "looks positions up in it by number");
  return [rest(indices)];
};

/** What a graph computes from sizes alone: nothing in it can be permuted, and it permutes nothing. */
export const source: AxisRule = (c) => {
  c.moves();
  return c.node.outputs.map((_, i) => c.shape(i).map((size) => fixedAxis(size)));
};

/** ConstantOfShape: one number everywhere. */
export const filled: AxisRule = (c) => {
  c.moves();
  return [c.shape(0).map((size) => freeAxis(size))];
};

/** CumSum, Trilu, TopK, ArgMax …: axes whose order counts; all others pass. */
function orderedAlong(which: (c: AxisContext, rank: number) => readonly number[], does: string): AxisRule {
  return (c) => {
    const axes = c.axes(0);
    const ordered = which(c, axes.length);
    hold(
      c,
      ordered.map((at) => axes[at]!),
      does,
    );
    const passed = axes.filter((_, k) => !ordered.includes(k)).values();
    const keeps = c.shape(0).length === axes.length;
    const out = keeps
      ? axes.map((axis, k) => (ordered.includes(k) ? fixedAxis(c.shape(0)[k]!) : axis))
      : [...passed];
    c.relate({
      inputs: [axes],
      outputs: [keeps ? axes.filter((_, k) => !ordered.includes(k)) : out],
      mixed: [ordered.map((at) => axes[at]!)],
    });
    return c.node.outputs.map(() => out);
  };
}

/** The last two axes are a triangle's rows and columns. */
export const trilu: AxisRule = orderedAlong((_, rank) => [rank - 2, rank - 1], "cuts a triangle out of it");

/** The axis is an input. */
export const cumSum: AxisRule = orderedAlong((c, rank) => {
  const at = contents(c.known[1])?.[0];
  return typeof at === "number" ? [at < 0 ? at + rank : at] : c.refuse("is told its axis while running");
}, "adds up along it");

/** ArgMax, ArgMin: the answer is a place. */
export const argReduce: AxisRule = orderedAlong((c) => [namedAxis(c, c.axes(0), 0)], "names places in it");

/** TopK: the answer is a place. */
export const topK: AxisRule = orderedAlong((c) => [namedAxis(c, c.axes(0), -1)], "names places in it");

/** Resize: axes that change are resampled; those that keep their size pass. */
export const resize: AxisRule = (c) => {
  if (stringAttr(c.node, "coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize")
    c.refuse("crops");
  const axes = c.axes(0);
  const named = intsAttr(c.node, "axes", undefined);
  const scales = c.has(2) ? readContents(c.known[2]) : undefined;
  const changed = axes.map((axis, k) => {
    const scale = scales?.[named === undefined ? k : named.indexOf(k)] ?? 1;
    return sizeOfAxis(axis) !== c.shape(0)[k]! || scale !== 1;
  });
  const images = axes.filter((_, k) => changed[k]);
  hold(c, images, "resamples it");
  const out = axes.map((axis, k) => (changed[k] ? fixedAxis(c.shape(0)[k]!) : axis));
  c.relate({ inputs: [axes], outputs: [out], mixed: [images] });
  return [out];
};
