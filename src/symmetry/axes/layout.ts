import { intAttr, intsAttr, stringAttr } from "../../graph/graph.ts";
import { axesOf, axisOf, integers } from "../../graph/shapes/rule.ts";
import { type Axis, cut, fixedAxis, product, sizeOfAxis } from "../atoms.ts";
import { mapStack } from "../stack.ts";
import { type AxisContext, type Axes, type AxisRule, hold, parts } from "./rule.ts";

/**
 * Reshape, Flatten: the same elements in the same order under other axes. Input and output are compared from the front;
 * wherever as many elements are covered on both sides, a group of axes is read as one and taken apart anew.
 */
export const reshape: AxisRule = (c) => {
  const from = c.axes(0);
  const to = c.shape(0);
  const out: Axis[] = [];
  let stacked: { axis: number; before: Axes; groups: readonly Axes[] } | undefined;
  let i = 0;
  while (i < from.length || out.length < to.length) {
    const axes: Axis[] = [];
    const sizes: number[] = [];
    let [covered, wanted] = [1, 1];
    do {
      if (covered <= wanted && i < from.length) {
        const axis = from[i++]!;
        axes.push(axis);
        covered *= sizeOfAxis(axis);
      } else if (out.length + sizes.length < to.length) {
        const size = to[out.length + sizes.length]!;
        sizes.push(size);
        wanted *= size;
      } else if (i < from.length) {
        axes.push(from[i++]!);
      } else break;
    } while (covered !== wanted);
    const joined = product(axes);
    // q, k and v side by side as [3, heads, …]: as long as they only are told apart, they stay three axes.
    if (stacked === undefined && sizes.length > 1 && isStackable(c, out.length, sizes[0]!)) {
      const [count, ...inner] = sizes as [number, ...number[]];
      const slices = cut(
        joined,
        Array.from({ length: count }, () => sizeOfAxis(joined) / count),
      );
      stacked = { axis: out.length, before: [...out], groups: slices.map((one) => parts(c, one, inner)) };
      out.push(fixedAxis(count), ...stacked.groups[0]!);
      continue;
    }
    out.push(...parts(c, joined, sizes).slice(0, sizes.length));
  }
  c.regroups();
  if (stacked === undefined) return [out];
  const { axis, before, groups } = stacked;
  const after = out.slice(axis + 1 + groups[0]!.length);
  return [{ axis, slices: groups.map((group) => [...before, ...group, ...after]) }];
};

/** More slices than any fused projection has are not worth telling apart. */
const mostSlices = 16;

function isStackable(c: AxisContext, axis: number, count: number): boolean {
  return count > 1 && count <= mostSlices && c.isTakenApart(0, axis);
}

/** Transpose: axis i of the result is axis perm[i]. */
export const transpose: AxisRule = (c) => {
  const rank = c.shape(0).length;
  const perm = intsAttr(c.node, "perm", undefined) ?? c.shape(0).map((_, i) => rank - 1 - i);
  const stack = c.stack(0);
  c.moves();
  if (stack !== undefined) return [mapStack(stack, (places) => perm.map((at) => places[at]!))];
  const axes = c.axes(0);
  return [perm.map((axis) => axes[axis]!)];
};

/** Squeeze, Unsqueeze: axes of size 1 come and go. */
export const squeeze: AxisRule = (c) => {
  const stack = c.stack(0);
  const to = c.shape(0);
  const place = <T>(axes: readonly T[], sizeOf: (axis: T) => number, one: T): T[] => {
    const kept = axes.filter((axis) => sizeOf(axis) !== 1).values();
    return to.map((size) => (size === 1 ? one : kept.next().value!));
  };
  c.moves();
  if (stack !== undefined)
    return [
      mapStack(stack, (axes) => place<Axis | undefined>(axes, (axis) => (axis ? sizeOfAxis(axis) : 0), [[]])),
    ];
  return [place(c.axes(0), sizeOfAxis, [[]])];
};

/** DepthToSpace: [N, C, H, W] → [N, C/b², H·b, W·b]; the b² parts of the channels become pixels. */
export const depthToSpace: AxisRule = (c) => {
  const b = intAttr(c.node, "blocksize", 1);
  const [n, channels, h, w] = c.axes(0) as [Axis, Axis, Axis, Axis];
  const depth = sizeOfAxis(channels) / (b * b);
  const columnFirst = stringAttr(c.node, "mode", "DCR") === "CRD";
  const split = parts(c, channels, columnFirst ? [depth, b, b] : [b, b, depth]);
  const [rows, columns, kept] = columnFirst
    ? [split[1]!, split[2]!, split[0]!]
    : [split[0]!, split[1]!, split[2]!];
  hold(c, [rows, columns], "makes pixels of it");
  c.regroups();
  return [[n, kept, product([h, rows]), product([w, columns])]];
};

/** SpaceToDepth: [N, C, H, W] → [N, b·b·C, H/b, W/b]. */
export const spaceToDepth: AxisRule = (c) => {
  const b = intAttr(c.node, "blocksize", 1);
  const [n, channels, h, w] = c.axes(0) as [Axis, Axis, Axis, Axis];
  hold(c, [h, w], "makes channels of its pixels");
  const [, , height, width] = c.shape(0);
  c.regroups();
  return [[n, product([fixedAxis(b), fixedAxis(b), channels]), fixedAxis(height!), fixedAxis(width!)]];
};

/** The axes the node names by an attribute or an input, counted from the front; undefined when it names none. */
export function namedAxes(c: AxisContext, input: number, rank: number): number[] | undefined {
  const listed = integers(c.node, c.known, input, "axes");
  if (listed === undefined) return undefined;
  if (listed.values === undefined) c.refuse("is told its axes while running");
  return axesOf(c.node, listed.values, rank);
}

/** The axis the node names by its attribute `axis`. */
export function namedAxis(c: AxisContext, axes: Axes, fallback: number): number {
  return axisOf(c.node, intAttr(c.node, "axis", fallback), axes.length);
}
