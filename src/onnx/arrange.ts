import { ScopeError } from "../base/error.ts";
import type { Graph, Node } from "../graph/graph.ts";

/** Nodes in topological order, and the names they take from outside their graph. */
export interface Arranged {
  readonly nodes: readonly Node[];
  /** Names used and not defined here (of an outer graph, then, if all is well), each with the place that uses it. */
  readonly free: ReadonlyMap<string, string>;
}

/** Names taken from outside, of graphs inside attributes, which are arranged before the graph around them. */
export type FreeNames = Map<Graph, ReadonlyMap<string, string>>;

/** A node for messages: its name, or its place in the file when it has none. */
export function nodeSubject(node: Pick<Node, "name" | "op">, index: number): string {
  return node.name === "" ? `node ${index} (${node.op})` : `node "${node.name}" (${node.op})`;
}

/**
 * Puts nodes into topological order, keeping the file's order where it is one already, and checks that every value is
 * made once.
 * @param defined names that exist without any node: inputs and initializers
 * @param outputs names that must exist in the end
 * @throws {ScopeError} format, naming file and node, for a value that is made twice or depends on itself
 */
export function arrange(
  nodes: readonly Node[],
  defined: ReadonlySet<string>,
  outputs: readonly string[],
  inner: FreeNames,
  where: string,
): Arranged {
  const makers = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const output of node.outputs) {
      if (output === "") continue;
      if (makers.has(output) || defined.has(output)) {
        throw new ScopeError(
          "format",
          `${where}: ${nodeSubject(node, i)} makes "${output}", which is already defined elsewhere`,
        );
      }
      makers.set(output, i);
    }
  });

  const free = new Map<string, string>();
  const needs = nodes.map((node, i): number[] => {
    const found = new Set<number>();
    const use = (name: string, place: string): void => {
      const maker = makers.get(name);
      if (maker !== undefined) found.add(maker);
      else if (!defined.has(name) && !free.has(name)) free.set(name, place);
    };
    const place = nodeSubject(node, i);
    for (const input of node.inputs) if (input !== "") use(input, place);
    for (const attribute of Object.values(node.attributes)) {
      if (attribute.type !== "graph") continue;
      for (const [name, user] of inner.get(attribute.value) ?? []) use(name, `${user} inside ${place}`);
    }
    return [...found];
  });
  for (const output of outputs) {
    if (!makers.has(output) && !defined.has(output) && !free.has(output))
      free.set(output, "the list of outputs");
  }
  const isSorted = needs.every((makersOf, i) => makersOf.every((maker) => maker < i));
  return { nodes: isSorted ? nodes : sort(nodes, needs, where), free };
}

/** Depth first in the file's order, with a stack of its own: a file may hold a chain deeper than JavaScript's stack. */
function sort(nodes: readonly Node[], needs: readonly (readonly number[])[], where: string): Node[] {
  const sorted: Node[] = [];
  const state = new Uint8Array(nodes.length);
  const [open, done] = [1, 2];
  const next = new Int32Array(nodes.length);
  for (let root = 0; root < nodes.length; root++) {
    if (state[root] === done) continue;
    const stack = [root];
    state[root] = open;
    while (stack.length > 0) {
      const i = stack.at(-1)!;
      const need = needs[i]![next[i]!++];
      if (need === undefined) {
        state[i] = done;
        sorted.push(nodes[i]!);
        stack.pop();
      } else if (state[need] === open) {
        throw new ScopeError(
          "format",
          `${where}: ${nodeSubject(nodes[need]!, need)} depends on its own output`,
        );
      } else if (state[need] !== done) {
        state[need] = open;
        stack.push(need);
      }
    }
  }
  return sorted;
}
