import { sizeOf } from "../tensor/tensor.ts";
import { type Graph, intAttr, type Node } from "../graph/graph.ts";
import type { Model } from "./types.ts";

/** Size and cost of one module. */
export interface ModuleSummary {
  readonly module: string;
  /** Trainable numbers. */
  readonly parameters: number;
  /** Numbers that follow the data (running means and variances). */
  readonly statistics: number;
  /** Multiply–add pairs for one image, of convolutions and matrix products. */
  readonly multiplyAdds: number;
}

export interface ModelSummary extends Omit<ModuleSummary, "module"> {
  /** In the order of the forward pass. */
  readonly modules: readonly ModuleSummary[];
}

/**
 * Counts a model's parameters and multiply–adds (half its FLOPs), per module and in all. Additions, activations,
 * normalisations and poolings are not counted, as is customary.
 */
export function describe(model: Model): ModelSummary {
  const rows = new Map<string, { parameters: number; statistics: number; multiplyAdds: number }>();
  const row = (module: string): { parameters: number; statistics: number; multiplyAdds: number } => {
    const kept = rows.get(module) ?? { parameters: 0, statistics: 0, multiplyAdds: 0 };
    rows.set(module, kept);
    return kept;
  };
  for (const info of model.parameters)
    row(info.module)[info.role === "statistic" ? "statistics" : "parameters"] += sizeOf(info.shape);

  const owners = new Map(model.parameters.map((info) => [info.name, info.module]));
  for (const node of model.graph.nodes) {
    const owner = node.inputs.map((input) => owners.get(input)).find((module) => module !== undefined);
    // A transposed weight still is its module's weight.
    if (node.op === "Transpose" && owner !== undefined) owners.set(node.outputs[0]!, owner);
    const cost = multiplyAdds(model.graph, node);
    if (cost > 0) row(owner ?? moduleOfValue(node.outputs[0]!)).multiplyAdds += cost;
  }
  const modules = [...rows].map(([module, counts]) => ({ module, ...counts }));
  const total = (field: "parameters" | "statistics" | "multiplyAdds"): number =>
    modules.reduce((sum, one) => sum + one[field], 0);
  return {
    parameters: total("parameters"),
    statistics: total("statistics"),
    multiplyAdds: total("multiplyAdds"),
    modules,
  };
}

/** Multiply–adds of a whole graph for one image, counted like `describe`'s. Sizes the graph leaves open count as 1. */
export function multiplyAddsOf(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + multiplyAdds(graph, node), 0);
}

/** Products without weights (attention) are named `module.what`. */
function moduleOfValue(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? name : name.slice(0, dot);
}

/** Multiply–adds of one node for one image. */
function multiplyAdds(graph: Graph, node: Node): number {
  const [a = "", b = ""] = node.inputs;
  switch (node.op) {
    case "Conv":
      return perImage(graph, node.outputs[0]!) * sizeOf(shapeOf(graph, b).slice(1));
    case "Gemm":
      return perImage(graph, node.outputs[0]!) * shapeOf(graph, b)[intAttr(node, "transB", 0) === 1 ? 1 : 0]!;
    case "MatMul":
      return perImage(graph, node.outputs[0]!) * shapeOf(graph, a).at(-1)!;
    default:
      return 0;
  }
}

function perImage(graph: Graph, name: string): number {
  return sizeOf(shapeOf(graph, name));
}

/** Shape of a value with the symbolic batch counted as one image. */
function shapeOf(graph: Graph, name: string): number[] {
  const found =
    graph.initializers.get(name) ??
    graph.values.get(name) ??
    graph.inputs.find((input) => input.name === name);
  return (found?.shape ?? []).map((dim) => (typeof dim === "number" ? dim : 1));
}
