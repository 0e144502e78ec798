import { ScopeError } from "../base/error.ts";
import type { Node } from "./graph.ts";
import type { Known } from "./known.ts";
import { propagate } from "./propagate.ts";
import * as onnx from "./shapes/index.ts";
import * as microsoft from "./shapes/microsoft.ts";
import * as nchwc from "./shapes/nchwc.ts";
import { label, mismatch, type ShapeRule } from "./shapes/rule.ts";

export type { Known } from "./known.ts";

/** Shape rules by domain, then by operator. */
export const shapeRules: Readonly<Record<string, Readonly<Record<string, ShapeRule>>>> = {
  "": onnx,
  "com.microsoft": microsoft,
  "com.microsoft.nchwc": nchwc,
};

/** Whether the shape of this node's outputs can be inferred at all. */
export function hasShapeRule(node: Node): boolean {
  return ruleOf(node) !== undefined;
}

function ruleOf(node: Node): ShapeRule | undefined {
  const table = Object.hasOwn(shapeRules, node.domain) ? shapeRules[node.domain] : undefined;
  return table !== undefined && Object.hasOwn(table, node.op) ? table[node.op] : undefined;
}

/**
 * Types and shapes of a node's outputs, and the contents of those that follow from small constants.
 *
 * `inputs` has one entry per input of the node, undefined where an optional one is absent. Sizes that cannot be said are
 * symbols where they are carried through unchanged, else null.
 *
 * @throws {ScopeError} shape when inputs do not fit; unsupported when the operator is not known, or when not even the
 *   number of axes can be said; both name the node
 */
export function inferNode(node: Node, inputs: readonly (Known | undefined)[], opset: number): Known[] {
  const rule = ruleOf(node);
  if (rule === undefined) {
    const domain = node.domain === "" ? "" : ` of domain "${node.domain}"`;
    throw new ScopeError(
      "unsupported",
      `operator "${node.op}"${domain} is not supported (node "${node.name}")`,
    );
  }
  const outputs = rule(node, inputs, opset);
  if (node.outputs.length > outputs.length) {
    mismatch(
      node,
      `has ${node.outputs.length} outputs, the operator ${label({ ...node, name: node.op })} gives ${outputs.length}`,
    );
  }
  return propagate(node, inputs, outputs.slice(0, node.outputs.length));
}
