import type { Builder } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";

/** What a gradient rule is given: one node of the forward graph and the builder that extends that graph. */
export interface GradientContext {
  readonly node: Node;
  /** Names of the node's inputs ("" where absent). */
  readonly x: readonly string[];
  /** Names of the node's outputs. */
  readonly y: readonly string[];
  /** Gradients of the loss with respect to each output; undefined where the output does not reach the loss. */
  readonly dy: readonly (string | undefined)[];
  /** Which inputs need a gradient. Work for the others must not be emitted. */
  readonly needs: readonly boolean[];
  /** Emits ONNX nodes; knows the (fully numeric) shape and type of every value, and of constants their contents. */
  readonly g: Builder;
}

/**
 * The vector-Jacobian product of one operator, as ONNX nodes.
 * Returns one entry per input: the name of its gradient, or undefined (not needed, or not differentiable, e.g. indices);
 * entries at the end may be left out. A gradient may have the *broadcast* shape of the output: the driver sums it back
 * to the input's shape. It may also be smaller than the input where it would only repeat itself: the driver spreads it
 * when someone needs it whole. dy[0] is defined unless the operator has several outputs; it has the output's shape,
 * except for operators that `differentiate` lists as elementwise, where it may only broadcast to it.
 */
export type GradientRule = (context: GradientContext) => readonly (string | undefined)[];
