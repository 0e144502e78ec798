import type { Graph } from "./graph.ts";

/**
 * The graph with some inner values called otherwise, everywhere they occur. Naming an output this way costs nothing;
 * an Identity node would copy it.
 * @param names new name by old name; old names must be made by nodes, new names must be free
 */
export function renameValues(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const now = (name: string): string => names.get(name) ?? name;
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(now),
      outputs: node.outputs.map(now),
    })),
    outputs: graph.outputs.map((output) => ({ ...output, name: now(output.name) })),
    values: new Map([...graph.values].map(([name, info]) => [now(name), { ...info, name: now(name) }])),
  };
}
