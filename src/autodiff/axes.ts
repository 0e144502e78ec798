import { ScopeError } from "../base/error.ts";
import type { Builder } from "../graph/builder.ts";
import { intAttr, intsAttr, type Node } from "../graph/graph.ts";
import { numbers } from "../tensor/tensor.ts";
import type { GradientContext } from "./rule.ts";

/** An axis counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The axes 0 … rank−1 from `first` on. */
export function axesFrom(first: number, rank: number): number[] {
  return Array.from({ length: Math.max(0, rank - first) }, (_, i) => first + i);
}

/** `shape` with 1 in place of the sizes along `axes`. */
export function keptShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

/**
 * Integers that must be known before anything runs (axes, pads, sizes), or undefined where the input is absent.
 * @throws {ScopeError} unsupported, when they are computed at run time
 */
export function knownInts(g: Builder, node: Node, input: number, what: string): number[] | undefined {
  const name = node.inputs[input];
  if (!name) return undefined;
  const value = g.value(name);
  if (value !== undefined) return numbers(value);
  throw new ScopeError(
    "unsupported",
    `no gradient for op "${node.op}" (node "${node.name}"): its ${what} "${name}" are computed at run time, but must be constants`,
  );
}

/** What a Reduce… node reduces: axes from the front, and the shape its output would have with keepdims. */
export interface Reduction {
  readonly axes: readonly number[];
  readonly kept: readonly number[];
  /** How many numbers go into each output. */
  readonly count: number;
}

/** Axes of a Reduce… node, from its attribute (old opsets) or its second input; all axes when it names none. */
export function reductionOf({ node, x: [x = ""], g }: GradientContext): Reduction {
  const shape = g.shape(x);
  const listed = knownInts(g, node, 1, "axes") ?? intsAttr(node, "axes", []);
  const named = listed.map((axis) => fromFront(axis, shape.length));
  const none = named.length === 0 && intAttr(node, "noop_with_empty_axes", 0) === 0;
  const axes = none ? axesFrom(0, shape.length) : named;
  return {
    axes,
    kept: keptShape(shape, axes),
    count: axes.reduce((product, axis) => product * shape[axis]!, 1),
  };
}
