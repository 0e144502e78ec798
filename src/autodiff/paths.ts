import { ScopeError } from "../base/error.ts";
import { type Graph, intAttr, type Node } from "../graph/graph.ts";
import { isFloatCode } from "./pieces.ts";
import { ruleOf } from "./table.ts";

/** Operators whose results are integers, truth values or constant almost everywhere: no gradient passes through them. */
const flat: ReadonlySet<string> = new Set([
  "And",
  "ArgMax",
  "ArgMin",
  "BitShift",
  "BitwiseAnd",
  "BitwiseNot",
  "BitwiseOr",
  "BitwiseXor",
  "Ceil",
  "ConstantOfShape",
  "Equal",
  "EyeLike",
  "Floor",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "NonZero",
  "Not",
  "OneHot",
  "Or",
  "Range",
  "Round",
  "Shape",
  "Sign",
  "Size",
  "Xor",
]);

function passesGradients(node: Node): boolean {
  if (node.op === "Cast") return isFloatCode(intAttr(node, "to", 1));
  return node.domain !== "" || !flat.has(node.op);
}

/**
 * The nodes on a path from any of `from` to any of `to`, in the order given, and the values that depend on `from`.
 * Only these nodes need a gradient rule.
 */
export function nodesBetween(
  nodes: readonly Node[],
  from: readonly string[],
  to: readonly string[],
): { readonly nodes: Node[]; readonly varying: ReadonlySet<string> } {
  const varying = new Set(from);
  const downstream = nodes.filter((node) => {
    const touched = passesGradients(node) && node.inputs.some((input) => varying.has(input));
    if (touched) for (const output of node.outputs) if (output !== "") varying.add(output);
    return touched;
  });
  const wanted = new Set(to);
  const path = downstream.toReversed().filter((node) => {
    const reaches = node.outputs.some((output) => wanted.has(output));
    if (reaches) for (const input of node.inputs) wanted.add(input);
    return reaches;
  });
  return { nodes: path.reverse(), varying };
}

/** An operator that stands between parameters and a result but has no gradient rule. */
export interface MissingRule {
  /** Operator, with its domain where that is not ONNX's own. */
  readonly op: string;
  /** Names of the nodes (of their first outputs, where nodes have no name). */
  readonly nodes: readonly string[];
  /** How many of the wanted values have a path through one of these nodes. */
  readonly wanted: number;
}

/**
 * What stands in the way of differentiating: every operator without a rule on a path from `wrt` (all float
 * initializers, unless given) to `outputs` (the graph's, unless given), in order of first appearance. Empty when the
 * graph can be differentiated. Operators inside control flow count as the operator that holds them.
 */
export function checkDifferentiable(
  graph: Graph,
  wrt?: readonly string[],
  outputs?: readonly string[],
): MissingRule[] {
  const floats = [...graph.initializers.values()].filter(({ dtype }) => dtype.includes("float"));
  return missingRules(
    graph.nodes,
    wrt ?? floats.map(({ name }) => name),
    outputs ?? graph.outputs.map(({ name }) => name),
  );
}

/** See `checkDifferentiable`. */
export function missingRules(
  nodes: readonly Node[],
  wrt: readonly string[],
  outputs: readonly string[],
): MissingRule[] {
  const path = nodesBetween(nodes, wrt, outputs);
  const missing = path.nodes.filter((node) => ruleOf(node) === undefined);
  const byOperator = Map.groupBy(missing, (node) =>
    node.domain === "" ? node.op : `${node.domain}.${node.op}`,
  );
  return [...byOperator].map(([op, holders]) => {
    const ends = holders.flatMap((node) => node.inputs);
    const wanted = wrt.filter((name) => {
      const { varying } = nodesBetween(path.nodes, [name], []);
      return ends.some((input) => varying.has(input));
    });
    return { op, nodes: holders.map((node) => node.name || (node.outputs[0] ?? "")), wanted: wanted.length };
  });
}

/**
 * Refuses a graph that cannot be differentiated, naming every operator in the way and the nodes that hold it.
 * @throws {ScopeError} unsupported
 */
export function requireDifferentiable(nodes: readonly Node[], wrt: readonly string[], loss: string): void {
  const missing = missingRules(nodes, wrt, [loss]);
  if (missing.length === 0) return;
  const each = missing.map(({ op, nodes: names, wanted }) => {
    const shown = names.slice(0, 3).map((name) => `"${name}"`);
    if (names.length > 3) shown.push(`${names.length - 3} more`);
    return `"${op}" (node${names.length > 1 ? "s" : ""} ${shown.join(", ")}), needed by ${wanted} of ${wrt.length} parameters`;
  });
  throw new ScopeError("unsupported", `no gradient for op ${each.join("; ")}`, {
    hint: "train only parameters behind these nodes, or replace the operators in the model",
  });
}
