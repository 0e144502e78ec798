import { flatLayout } from "../autodiff/flat.ts";
import { declareParameters } from "../autodiff/step.ts";
import { Builder } from "../graph/builder.ts";
import { ScopeError } from "../base/error.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";

/**
 * The graph with the float32 initializers `names` as inputs after its own, in that order; the others stay constants. So
 * one session serves every point of weight space.
 * @throws {ScopeError} usage, when a name is not a float32 initializer of the graph
 */
export function weightsAsInputs(graph: Graph, names: readonly string[], title: string): Graph {
  const g = new Builder(graph.opsets[""] ?? 17);
  g.reserve([...graph.initializers.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  for (const input of graph.inputs) g.input(input.name, input.dtype, input.shape);
  declareParameters(g, flatLayout(graph, names));
  for (const initializer of graph.initializers.values()) {
    if (!g.has(initializer.name)) g.parameter(initializer);
  }
  for (const node of graph.nodes) g.add(node);
  g.output(...graph.outputs.map((output) => output.name));
  return g.finish(title);
}

/** The sizes of a value whose shape must be fully known. @throws {ScopeError} shape, naming the value */
export function wholeShape(info: ValueInfo): number[] {
  return info.shape.map((dim) => {
    if (typeof dim === "number") return dim;
    throw new ScopeError(
      "shape",
      `the shape of "${info.name}" is [${info.shape.map((d) => d ?? "?").join(", ")}], but it must be fully known here`,
      { hint: "bind the symbolic sizes first" },
    );
  });
}
