import { type Dim, intAttr, type Node } from "../graph.ts";
import { type Known, readContents } from "../known.ts";
import {
  axesOf,
  axisOf,
  type Inputs,
  integers,
  mapDim,
  mismatch,
  need,
  openShape,
  show,
  undecided,
} from "./rule.ts";

/** ReduceSum, ReduceMean, …: axes as attribute or input; all axes when there are none, unless noop_with_empty_axes. */
export function reduce(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const keep = intAttr(node, "keepdims", 1) !== 0;
  const listed = integers(node, inputs, 1, "axes");
  if (listed !== undefined && listed.values === undefined) {
    if (keep) return [{ dtype: x.dtype, shape: x.shape.map((): Dim => null) }];
    if (listed.count === undefined) undecided(node, "the axes are computed while running");
    return [{ dtype: x.dtype, shape: openShape(node, x.shape.length - listed.count) }];
  }
  const none = (listed?.values ?? []).length === 0;
  if (none && intAttr(node, "noop_with_empty_axes", 0) !== 0) return [{ dtype: x.dtype, shape: x.shape }];
  const axes = new Set(none ? x.shape.keys() : axesOf(node, listed!.values!, x.shape.length));
  return [{ dtype: x.dtype, shape: without(x.shape, axes, keep) }];
}

function without(shape: readonly Dim[], axes: ReadonlySet<number>, keep: boolean): Dim[] {
  return shape.flatMap((dim, i) => (!axes.has(i) ? [dim] : keep ? [1] : []));
}

/** ArgMax, ArgMin: the place of the extreme along one axis, int64. */
export function argReduce(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const axis = axisOf(node, intAttr(node, "axis", 0), x.shape.length);
  return [{ dtype: "int64", shape: without(x.shape, new Set([axis]), intAttr(node, "keepdims", 1) !== 0) }];
}

/** TopK: the k largest along an axis and their places. */
export function topK(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const axis = axisOf(node, intAttr(node, "axis", -1), x.shape.length);
  const k = readContents(need(node, inputs, 1))?.[0] ?? null;
  if (typeof k === "number") {
    mapDim(x.shape[axis]!, (size) =>
      k < 0 || k > size ? mismatch(node, `k is ${k}, axis ${axis} of ${show(x.shape)} has ${size}`) : size,
    );
  }
  const shape = x.shape.map((dim, i) => (i === axis ? k : dim));
  return [
    { dtype: x.dtype, shape },
    { dtype: "int64", shape },
  ];
}

/** CumSum: like x, along an axis given as a scalar. */
export function cumSum(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const axis = readContents(need(node, inputs, 1))?.[0];
  if (typeof axis === "number") axisOf(node, axis, x.shape.length);
  return [{ dtype: x.dtype, shape: x.shape }];
}
