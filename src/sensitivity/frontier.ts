import { ScopeError } from "../base/error.ts";
import { prefix, suffix } from "../graph/cut.ts";
import type { Graph } from "../graph/graph.ts";
import { ancestors, reachable } from "../graph/topology.ts";

/**
 * The values at which the part of a graph begins that depends on the initializers `names`: they depend on the graph's
 * inputs but not on `names`, and something that depends on `names` reads them. Everything up to them is the same whatever
 * the named weights are. In the graph's order; several where branches run beside the module (a residual connection).
 *
 * Values made of weights alone are not among them, even where they do not depend on `names`: they stay constants of
 * whoever reads them.
 * @throws {ScopeError} usage, when there are no names, or the first output does not depend on any of them
 */
export function frontier(graph: Graph, names: readonly string[]): string[] {
  const inputs = graph.inputs.map((input) => input.name);
  const moved = reachable(graph.nodes, names);
  const output = graph.outputs[0]!.name;
  if (!moved.has(output)) {
    throw new ScopeError(
      "usage",
      names.length === 0
        ? `a module of "${graph.name}" without parameters cannot be changed`
        : `the output of "${graph.name}" does not depend on ${names.map((name) => `"${name}"`).join(", ")}`,
      { hint: "choose a module with parameters that are used" },
    );
  }
  const data = reachable(graph.nodes, inputs);
  const crossing = new Set<string>();
  for (const node of ancestors(graph.nodes, [output])) {
    if (!node.outputs.some((made) => moved.has(made))) continue;
    for (const input of node.inputs) if (data.has(input) && !moved.has(input)) crossing.add(input);
  }
  const order = [...inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  return order.filter((name) => crossing.has(name));
}

/** A network in two halves at the frontier of some of its weights. */
export interface Halves {
  /** Values that cross; the images themselves where the weights are those of the first layer. */
  readonly crossing: readonly string[];
  /** From images to `crossing`, those of them that are not the graph's input; absent when nothing is left to compute. */
  readonly before: Graph | undefined;
  /** From `crossing` to the graph's outputs. */
  readonly after: Graph;
}

/**
 * Cuts a graph of one input at the frontier of the initializers `names`: `before` reads none of them.
 * @throws {ScopeError} as `frontier`
 */
export function halves(graph: Graph, names: readonly string[]): Halves {
  const crossing = frontier(graph, names);
  const inputs = new Set(graph.inputs.map((input) => input.name));
  const made = crossing.filter((name) => !inputs.has(name));
  return {
    crossing,
    before: made.length === 0 ? undefined : prefix(graph, made),
    after: suffix(graph, crossing),
  };
}
