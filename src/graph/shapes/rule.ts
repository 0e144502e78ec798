import { ScopeError } from "../../base/error.ts";
import { type Dim, intsAttr, type Node } from "../graph.ts";
import { type Known, readContents } from "../known.ts";

/** What is known of a node's inputs; undefined for an optional input that is absent. */
export type Inputs = readonly (Known | undefined)[];

/**
 * Types and shapes of an operator's outputs from those of its inputs. Optional outputs are always answered; the caller
 * takes as many as the node has. Contents of outputs are worked out elsewhere (`propagate.ts`).
 */
export type ShapeRule = (node: Node, inputs: Inputs, opset: number) => Known[];

/** How messages call a node: its operator and its name (or what it makes, when it has no name). */
export function label(node: Node): string {
  return node.name === "" ? `${node.op} that makes "${node.outputs[0] ?? ""}"` : `${node.op} "${node.name}"`;
}

/** A shape for people: [8, N, ?]. */
export function show(shape: readonly Dim[]): string {
  return `[${shape.map((dim) => dim ?? "?").join(", ")}]`;
}

/** Stops inference: the shapes (or types, or attributes) found do not fit the operator. */
export function mismatch(node: Node, finding: string): never {
  throw new ScopeError("shape", `${label(node)}: ${finding}`);
}

/** Stops inference: the answer is not known before the graph runs, so that even the number of axes is open. */
export function undecided(node: Node, finding: string): never {
  throw new ScopeError("unsupported", `${label(node)}: ${finding}`, {
    hint: "bind the symbolic sizes, or simplify the model's shape arithmetic before loading it",
  });
}

/** Most axes a value may have: far above any network's, far below what would fill memory. */
const mostAxes = 64;

/** A shape of which only the number of axes is known. */
export function openShape(node: Node, rank: number): Dim[] {
  if (!Number.isInteger(rank) || rank < 0 || rank > mostAxes)
    mismatch(node, `the result would have ${rank} axes`);
  return Array.from({ length: rank }, (): Dim => null);
}

/** Refuses results that no array can have: negative sizes, sizes beyond exact integers, too many axes. */
export function checkShape(node: Node, shape: readonly Dim[]): void {
  if (shape.length > mostAxes) mismatch(node, `the result would have ${shape.length} axes`);
  if (shape.some((dim) => typeof dim === "number" && !(Number.isSafeInteger(dim) && dim >= 0))) {
    mismatch(node, `the result would have shape ${show(shape)}`);
  }
}

/** Input `i`, which must be there. */
export function need(node: Node, inputs: Inputs, i: number): Known {
  return inputs[i] ?? mismatch(node, `input ${i} is missing`);
}

/** An axis counted from the front. `rank` is the number of axes it may point into. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(front) || front < 0 || front >= rank) {
    mismatch(node, `axis ${axis} does not exist, there are ${rank}`);
  }
  return front;
}

/** Distinct axes counted from the front, in the order given. */
export function axesOf(node: Node, axes: readonly number[], rank: number): number[] {
  const front = axes.map((axis) => axisOf(node, axis, rank));
  if (new Set(front).size < front.length) mismatch(node, `axes [${axes.join(", ")}] name one axis twice`);
  return front;
}

/** A list of integers that is an attribute in old operator sets and an input in newer ones. */
export interface IntegerList {
  /** The numbers, when all are known. */
  readonly values: readonly number[] | undefined;
  /** How many there are, when that is known. */
  readonly count: number | undefined;
}

/** Integers from the attribute `name` or else from input `i`; undefined when the node has neither. */
export function integers(node: Node, inputs: Inputs, i: number, name: string): IntegerList | undefined {
  const attribute = intsAttr(node, name, undefined);
  if (attribute !== undefined) return { values: attribute, count: attribute.length };
  const input = inputs[i];
  if (input === undefined) return undefined;
  if (input.shape.length > 1) mismatch(node, `${name} must be a list, got shape ${show(input.shape)}`);
  const found = readContents(input);
  const values = found?.every((entry) => typeof entry === "number") ? found : undefined;
  const length = input.shape.length === 0 ? 1 : input.shape[0];
  return { values, count: typeof length === "number" ? length : undefined };
}

/** Two sizes that must agree, as one: a number tells more than a symbol, a symbol more than nothing. */
export function unify(node: Node, a: Dim, b: Dim, finding: () => string): Dim {
  if (typeof a === "number" && typeof b === "number" && a !== b) mismatch(node, finding());
  if (typeof a === "number") return a;
  if (typeof b === "number") return b;
  return a ?? b;
}

/** The shape several shapes broadcast to by ONNX's rule; sizes that stay open are null. */
export function broadcastDims(node: Node, shapes: readonly (readonly Dim[])[]): Dim[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    let joined: Dim = 1;
    for (const shape of shapes) {
      const dim = i - rank + shape.length < 0 ? 1 : shape[i - rank + shape.length]!;
      if (joined === 1) joined = dim;
      else if (dim === 1 || dim === joined) continue;
      else if (typeof joined === "number" && typeof dim === "number") {
        mismatch(node, `shapes ${shapes.map(show).join(" and ")} do not broadcast`);
      } else joined = typeof joined === "number" ? joined : typeof dim === "number" ? dim : null;
    }
    return joined;
  });
}

/** Product of sizes: a number when all are, the symbol when it is multiplied by ones only, else null. */
export function product(dims: readonly Dim[]): Dim {
  const open = dims.filter((dim) => typeof dim !== "number");
  const size = dims.reduce<number>((total, dim) => (typeof dim === "number" ? total * dim : total), 1);
  if (open.length === 0 || size === 0) return size;
  return open.length === 1 && size === 1 ? open[0]! : null;
}

/** Applies arithmetic to a size that may be open. */
export function mapDim(dim: Dim, f: (size: number) => number): Dim {
  return typeof dim === "number" ? f(dim) : null;
}

/** Checks that all given inputs have one element type. */
export function sameType(node: Node, inputs: Inputs): void {
  const types = inputs.flatMap((input) => (input === undefined ? [] : [input.dtype]));
  if (new Set(types).size > 1)
    mismatch(node, `inputs must have one element type, got ${types.join(" and ")}`);
}

/** The number of axes a value must have. */
export function wantRank(node: Node, value: Known, rank: number, what: string): void {
  if (value.shape.length !== rank) mismatch(node, `${what} must have ${rank} axes, got ${show(value.shape)}`);
}

/** Checks a vector of one number per channel (or per group). */
export function wantVector(node: Node, value: Known | undefined, length: Dim, what: string): void {
  if (value === undefined) return;
  wantRank(node, value, 1, what);
  unify(
    node,
    value.shape[0]!,
    length,
    () => `${what} must have ${length ?? "?"} numbers, got ${show(value.shape)}`,
  );
}
