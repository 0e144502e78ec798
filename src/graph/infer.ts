import { ScopeError } from "../base/error.ts";
import type { DType, Tensor } from "../tensor/tensor.ts";
import type { Dim, Node } from "./graph.ts";

/** What is known of a value before anything runs: its type, its shape, and for small integer values its contents. */
export interface Known {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  /** Present for constants and for what follows from them (shape arithmetic), so that Reshape and Slice can be understood. */
  readonly constant?: Tensor;
}

/**
 * Types and shapes of a node's outputs. (Being filled in: see graph/shapes/.)
 * @throws {ScopeError} shape when inputs do not fit, unsupported when the operator is not known; both name the node
 */
export function inferNode(node: Node, _inputs: readonly (Known | undefined)[], _opset: number): Known[] {
  throw new ScopeError("unsupported", `no shape rule for operator "${node.op}" (node "${node.name}")`);
}
