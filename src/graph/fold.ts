import { constant, type Graph, type ValueInfo } from "./graph.ts";
import { inferGraph } from "./infer.ts";
import type { Known } from "./known.ts";
import { prune } from "./topology.ts";

/**
 * Constant folding: nodes whose outputs are known before anything runs (shape arithmetic, Constant nodes) become
 * initializers, and what only served them goes. Float initializers count as parameters, never as constants, so nothing
 * that depends on a parameter is folded. Outputs of the graph keep the node that makes them.
 *
 * Types and shapes in the result are the inferred ones.
 *
 * @param known what `inferGraph` says of this graph, when the caller has it already
 * @throws {ScopeError} from `inferGraph`
 */
export function fold(graph: Graph, known: ReadonlyMap<string, Known> = inferGraph(graph)): Graph {
  const isOutput = new Set(graph.outputs.map((output) => output.name));
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const made = node.outputs.filter((name) => name !== "");
    const values = made.map((name) => known.get(name)!.constant);
    if (values.some((value) => value === undefined) || made.some((name) => isOutput.has(name))) return true;
    made.forEach((name, i) => initializers.set(name, constant(name, values[i]!)));
    return false;
  });
  const info = (name: string): ValueInfo => ({
    name,
    dtype: known.get(name)!.dtype,
    shape: known.get(name)!.shape,
  });
  const values = new Map(
    nodes.flatMap((node) => node.outputs.filter(Boolean).map((name) => [name, info(name)] as const)),
  );
  const outputs = graph.outputs.map((output) => info(output.name));
  return prune({ ...graph, nodes, initializers, values, outputs });
}

/**
 * Gives every parameter its own initializer again. PyTorch's exporter stores parameters of equal numbers once (all the
 * scales of 1 of an untrained network, say) and writes the others as Identity of the first, under their own names;
 * trained like that, they would be tied. Each such Identity becomes an initializer with the same numbers.
 */
export function untie(graph: Graph): Graph {
  const isOutput = new Set(graph.outputs.map((output) => output.name));
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const [source, name] = [initializers.get(node.inputs[0] ?? ""), node.outputs[0] ?? ""];
    if (node.op !== "Identity" || node.domain !== "" || source === undefined || isOutput.has(name))
      return true;
    initializers.set(name, { ...source, name, load: () => source.load() });
    return false;
  });
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, initializers };
}
