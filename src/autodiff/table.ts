import type { Node } from "../graph/graph.ts";
import type { GradientRule } from "./rule.ts";
import * as rules from "./rules/index.ts";

/** Every gradient rule, by operator; operators outside ONNX's own domain are named "domain.Operator". */
export const gradientRules: Readonly<Record<string, GradientRule>> = rules;

/** The rule for a node, or undefined. */
export function ruleOf(node: Node): GradientRule | undefined {
  const key = node.domain === "" || node.domain === "ai.onnx" ? node.op : `${node.domain}.${node.op}`;
  return Object.hasOwn(gradientRules, key) ? gradientRules[key] : undefined;
}
