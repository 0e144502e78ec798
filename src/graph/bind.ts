import { nearest, ScopeError } from "../base/error.ts";
import { fold } from "./fold.ts";
import type { Dim, Graph, ValueInfo } from "./graph.ts";

/** The symbolic sizes of a graph's inputs, in order of appearance. */
export function symbols(graph: Graph): string[] {
  return [...new Set(graph.inputs.flatMap((input) => input.shape.filter((dim) => typeof dim === "string")))];
}

/**
 * The graph with symbolic sizes replaced by numbers: { N: 32 } makes ["N", 3, 32, 32] into [32, 3, 32, 32]. Everything is
 * inferred anew and what became constant is folded. Symbols not named stay.
 *
 * @throws {ScopeError} usage, when a symbol is not one of the inputs' or a size is no whole number ≥ 1; else from
 *   `inferGraph`, when the graph does not work for these sizes
 */
export function bind(graph: Graph, sizes: Readonly<Record<string, number>>): Graph {
  const known = symbols(graph);
  for (const [symbol, size] of Object.entries(sizes)) {
    if (!known.includes(symbol)) {
      throw new ScopeError("usage", `graph "${graph.name}" has no input size called "${symbol}"`, {
        hint:
          known.length === 0 ? "all its sizes are numbers" : `it has: ${nearest(symbol, known).join(", ")}`,
      });
    }
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new ScopeError(
        "usage",
        `size "${symbol}" of graph "${graph.name}" must be a whole number from 1, got ${size}`,
      );
    }
  }
  const number = (dim: Dim): Dim =>
    typeof dim === "string" && Object.hasOwn(sizes, dim) ? sizes[dim]! : dim;
  const bound = (info: ValueInfo): ValueInfo => ({ ...info, shape: info.shape.map(number) });
  return fold({
    ...graph,
    inputs: graph.inputs.map(bound),
    outputs: graph.outputs.map(bound),
    values: new Map([...graph.values].map(([name, info]) => [name, bound(info)])),
  });
}
