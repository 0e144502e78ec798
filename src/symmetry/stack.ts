import { intAttr, intsAttr, type Node } from "../graph/graph.ts";
import { type Known, readContents } from "../graph/known.ts";
import { type Axes, type Axis, fixedAxis, sizeOfAxis, unify } from "./atoms.ts";

/**
 * A value whose slices along one axis may be permuted each in its own way: queries, keys and values of a fused projection,
 * [3, …]. Axis by axis that cannot be said, so the slices are kept apart for as long as nothing reads across them.
 */
export interface Stack {
  /** The axis that counts the slices. */
  readonly axis: number;
  /** Axes of each slice, that axis left out. */
  readonly slices: readonly Axes[];
}

export function isStack(made: Axes | Stack): made is Stack {
  return "slices" in made;
}

/** Sizes of a value's axes. */
export function sizesOf(made: Axes | Stack): number[] {
  if (!isStack(made)) return made.map(sizeOfAxis);
  const sizes = made.slices[0]!.map(sizeOfAxis);
  return sizes.toSpliced(made.axis, 0, made.slices.length);
}

/** The stack as one value with ordinary axes: its slices are made equal, for `reason` where they do not fit. */
export function collapse(stack: Stack, reason: string): Axes {
  const [first, ...others] = stack.slices as [Axes, ...Axes[]];
  for (const other of others) first.forEach((axis, k) => unify(axis, other[k]!, reason));
  return first.toSpliced(stack.axis, 0, fixedAxis(stack.slices.length));
}

/** One slice; with the axis it was taken from as an axis of size 1 when `keeps`. */
export function sliceOf(stack: Stack, index: number, keeps: boolean): Axes {
  const slice = stack.slices[index]!;
  return keeps ? slice.toSpliced(stack.axis, 0, [[]]) : slice;
}

/** Moves axes about; `arrange` sees undefined where the stack's own axis stands and must return it once. */
export function mapStack(
  stack: Stack,
  arrange: (axes: readonly (Axis | undefined)[]) => readonly (Axis | undefined)[],
): Stack {
  const arranged = stack.slices.map((slice) =>
    arrange((slice as readonly (Axis | undefined)[]).toSpliced(stack.axis, 0, undefined)),
  );
  return {
    axis: arranged[0]!.indexOf(undefined),
    slices: arranged.map((axes) => axes.filter((axis) => axis !== undefined)),
  };
}

/**
 * Whether a value's slices along `axis` are taken one by one and nothing else is done with it, also after its axes were
 * moved about. Looks ahead in the graph; the shapes of what is ahead need not be known.
 */
export function isTakenApart(
  readers: ReadonlyMap<string, readonly Node[]>,
  known: ReadonlyMap<string, Known>,
  value: string,
  axis: number,
  rank = known.get(value)?.shape.length ?? 0,
): boolean {
  const nodes = (readers.get(value) ?? []).filter((node) => node.op !== "Shape");
  return (
    nodes.length > 0 &&
    nodes.every((node) => {
      if (node.domain !== "" || node.inputs[0] !== value) return false;
      const at = intAttr(node, "axis", 0);
      const isAlong = (at < 0 ? at + rank : at) === axis;
      const out = node.outputs[0] ?? "";
      switch (node.op) {
        case "Gather":
          return isAlong && (known.get(node.inputs[1] ?? "")?.shape.length ?? 2) < 2;
        case "Split":
          return isAlong;
        case "Slice": {
          const axes = readContents(known.get(node.inputs[3] ?? ""));
          return axes?.length === 1 && axes[0] === axis;
        }
        case "Transpose": {
          const perm = intsAttr(node, "perm", undefined);
          return perm !== undefined && isTakenApart(readers, known, out, perm.indexOf(axis), rank);
        }
        case "Squeeze":
        case "Unsqueeze": {
          const axes = readContents(known.get(node.inputs[1] ?? ""));
          if (axes?.every((one) => typeof one === "number") !== true) return false;
          const grows = node.op === "Unsqueeze";
          const to = rank + (grows ? axes.length : -axes.length);
          const places = axes.map((one) => (one < 0 ? one + Math.max(rank, to) : one));
          const all = Array.from({ length: Math.max(rank, to) }, (_, k) => k);
          const others = all.filter((k) => !places.includes(k));
          const moved = grows ? others[axis]! : others.indexOf(axis);
          return moved >= 0 && isTakenApart(readers, known, out, moved, to);
        }
        default:
          return false;
      }
    })
  );
}
