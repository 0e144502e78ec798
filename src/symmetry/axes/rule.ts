import type { Node } from "../../graph/graph.ts";
import type { Inputs } from "../../graph/shapes/rule.ts";
import { type Axes, type Axis, factor, fix, unify } from "../atoms.ts";
import type { Stack } from "../stack.ts";

export type { Axes } from "../atoms.ts";

/**
 * How one operator's operands hang together: each operand as a list of letters, as in an einsum. A letter is an axis (or
 * a factor of one) and the same object wherever it is the same index.
 */
export interface Relation {
  /** By position; undefined where an optional operand is absent or does not matter. */
  readonly inputs: readonly (Axes | undefined)[];
  readonly outputs: readonly (Axes | undefined)[];
  /**
   * Letters over which elements meet each other (sums, softmax, normalisation); what lies together in one list meets
   * together.
   */
  readonly mixed: readonly Axes[];
}

/** A node of the graph as its axis rule sees it. */
export interface AxisContext {
  readonly node: Node;
  readonly opset: number;
  /** Name for messages: Conv "stage1.conv1". */
  readonly label: string;
  /** What is known of each input, its shape in numbers. */
  readonly known: Inputs;
  /** Axes of input `i`, which must be there. */
  axes(i: number): Axes;
  /** Input `i` as a stack, when it is one. Rules that do not ask see its slices made one by `axes`. */
  stack(i: number): Stack | undefined;
  /** Whether all that is done with output `i` is to take its slices along `axis`, one by one. */
  isTakenApart(i: number, axis: number): boolean;
  has(i: number): boolean;
  /** Numeric shape of output `i`. */
  shape(i: number): readonly number[];
  /** States the relation between operands. A node without one is taken to mix everything with everything. */
  relate(relation: Relation): void;
  /** States that every element of the outputs is one element of an input, moved along each axis by itself (or new). */
  moves(): void;
  /** As `moves`, but axes are joined and parted. */
  regroups(): void;
  /** Gives up on the node: everything it touches is fixed. `reason` completes "Resize "up" …". */
  refuse(reason: string): never;
}

/**
 * What an operator demands of the axes of its operands: it unifies axes, or fixes them, and returns the axes of its outputs.
 * A rule frees nothing by itself: what it does not unify must be free to be permuted by itself.
 */
export type AxisRule = (c: AxisContext) => readonly (Axes | Stack)[];

/** Unifies two axes because the node reads them with one index. */
export function join(c: AxisContext, a: Axis, b: Axis): void {
  unify(a, b, `${c.label} joins axes whose parts do not fit each other`);
}

/** Reads an axis as a row-major product because the node does. */
export function parts(c: AxisContext, axis: Axis, sizes: readonly number[]): Axis[] {
  return factor(
    axis,
    sizes,
    `${c.label} takes it apart as ${sizes.join(" × ")}, which does not fit its parts`,
  );
}

/** Fixes axes along which the node tells positions apart. `does` completes a clause: "moves a window over it". */
export function hold(c: AxisContext, axes: Axes, does: string): void {
  for (const axis of axes) fix(axis, { reason: `${c.label} ${does}` });
}

/** Fixes axes whose positions have a meaning of their own: kernel taps. */
export function pin(axes: Axes): void {
  for (const axis of axes) fix(axis, {});
}
