import { ScopeError } from "../base/error.ts";
import type { Dim, Graph, Node, ValueInfo } from "./graph.ts";
import { type Known, knownInitializer } from "./known.ts";
import { propagate } from "./propagate.ts";
import * as onnx from "./shapes/index.ts";
import * as microsoft from "./shapes/microsoft.ts";
import * as nchwc from "./shapes/nchwc.ts";
import { checkShape, label, mismatch, type ShapeRule, show } from "./shapes/rule.ts";

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
  for (const { shape } of outputs) checkShape(node, shape);
  return propagate(node, inputs, outputs.slice(0, node.outputs.length));
}

/**
 * What is known of every value of a graph: inputs, initializers and what nodes make.
 *
 * Types and shapes that the file states are used only where inference has no answer, and must agree with it elsewhere.
 *
 * @throws {ScopeError} shape or unsupported, from `inferNode`; format, when a value is used before it is made, is made
 *   twice, or is not what the file says it is
 */
export function inferGraph(graph: Graph): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const { name, dtype, shape } of graph.inputs) known.set(name, { dtype, shape });
  for (const initializer of graph.initializers.values())
    known.set(initializer.name, knownInitializer(initializer));
  const stated = new Map([...graph.values, ...graph.outputs.map((output) => [output.name, output] as const)]);
  const opset = graph.opsets[""] ?? 17;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      if (name === "") return undefined;
      const found = known.get(name);
      if (found !== undefined) return found;
      throw new ScopeError("format", `${label(node)} reads "${name}", which nothing before it makes`);
    });
    const outputs = inferOr(node, inputs, opset, stated);
    node.outputs.forEach((name, i) => {
      if (name === "") return;
      if (known.has(name))
        throw new ScopeError("format", `${label(node)} makes "${name}", which is there already`);
      known.set(name, reconcile(name, outputs[i]!, stated.get(name)));
    });
  }
  for (const { name } of graph.outputs) {
    if (!known.has(name))
      throw new ScopeError("format", `graph "${graph.name}" has an output "${name}" that nothing makes`);
  }
  return known;
}

/** Inference, or what the file states of every output when inference has no answer. */
function inferOr(
  node: Node,
  inputs: readonly (Known | undefined)[],
  opset: number,
  stated: ReadonlyMap<string, ValueInfo>,
): Known[] {
  try {
    return inferNode(node, inputs, opset);
  } catch (error) {
    if (!(error instanceof ScopeError) || error.fault !== "unsupported") throw error;
    return node.outputs.map((name) => {
      const info = stated.get(name);
      if (info !== undefined) return { dtype: info.dtype, shape: info.shape };
      if (name !== "") throw error;
      return { dtype: "float32", shape: [] };
    });
  }
}

function reconcile(name: string, found: Known, stated: ValueInfo | undefined): Known {
  if (stated === undefined) return found;
  const conflict = (): never => {
    const [file, here] = [`${stated.dtype} ${show(stated.shape)}`, `${found.dtype} ${show(found.shape)}`];
    throw new ScopeError(
      "format",
      `the file says that "${name}" is ${file}, but it follows that it is ${here}`,
      {
        hint: "export the model again, or strip its value infos",
      },
    );
  };
  if (stated.dtype !== found.dtype || stated.shape.length !== found.shape.length) return conflict();
  const shape = found.shape.map((dim, i): Dim => {
    const said = stated.shape[i]!;
    if (typeof dim === "number" && typeof said === "number" && dim !== said) return conflict();
    return dim ?? said;
  });
  return { ...found, shape };
}
