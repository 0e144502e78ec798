import { ScopeError } from "../base/error.ts";
import type { Graph, Node } from "./graph.ts";

/** The node that makes each value. Inputs and initializers are made by none. */
export function producers(nodes: readonly Node[]): Map<string, Node> {
  const made = new Map<string, Node>();
  for (const node of nodes) {
    for (const output of node.outputs) if (output !== "") made.set(output, node);
  }
  return made;
}

/** The nodes that read each value, in order, each once. */
export function consumers(nodes: readonly Node[]): Map<string, Node[]> {
  const read = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      if (input === "") continue;
      const kept = read.get(input);
      if (kept === undefined) read.set(input, [node]);
      else kept.push(node);
    }
  }
  return read;
}

/** The nodes that `values` are computed from, in the graph's order. Values in `stops` are taken as given. */
export function ancestors(
  nodes: readonly Node[],
  values: Iterable<string>,
  stops: ReadonlySet<string> = new Set(),
): Node[] {
  const needed = new Set(values);
  const kept: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => output !== "" && needed.has(output) && !stops.has(output))) continue;
    kept.push(node);
    for (const input of node.inputs) if (input !== "") needed.add(input);
  }
  return kept.reverse();
}

/** Every value that depends on one of `sources`, these included. */
export function reachable(nodes: readonly Node[], sources: Iterable<string>): Set<string> {
  const reached = new Set(sources);
  for (const node of nodes) {
    if (!node.inputs.some((input) => reached.has(input))) continue;
    for (const output of node.outputs) if (output !== "") reached.add(output);
  }
  return reached;
}

/**
 * The nodes in an order in which every value is made before it is read. Nodes that are free to go keep their order, so
 * an ordered list comes back as it was.
 * @throws {ScopeError} format, when nodes depend on each other in a circle, naming one of them
 */
export function topologicalOrder(nodes: readonly Node[]): Node[] {
  const index = new Map(nodes.map((node, i) => [node, i]));
  const made = producers(nodes);
  const readers = consumers(nodes);
  const waiting = nodes.map((node) => new Set(node.inputs.filter((input) => made.has(input))).size);
  const ready = new Heap();
  waiting.forEach((count, i) => {
    if (count === 0) ready.push(i);
  });
  const order: Node[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    const node = nodes[next]!;
    order.push(node);
    for (const output of new Set(node.outputs)) {
      for (const reader of readers.get(output) ?? []) {
        const i = index.get(reader)!;
        if (--waiting[i]! === 0) ready.push(i);
      }
    }
  }
  if (order.length < nodes.length) {
    const stuck = nodes.find((_, i) => waiting[i]! > 0)!;
    throw new ScopeError("format", `node "${stuck.name}" (${stuck.op}) depends on its own output`);
  }
  return order;
}

/** The smallest number first. */
class Heap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let i = items.push(item) - 1;
    for (let up = (i - 1) >> 1; i > 0 && items[up]! > item; up = (i - 1) >> 1) {
      items[i] = items[up]!;
      i = up;
    }
    items[i] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return first;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && items[down + 1]! < items[down]!) down++;
      if (items[down]! >= last) break;
      items[i] = items[down]!;
      i = down;
    }
    items[i] = last;
    return first;
  }
}

/**
 * The graph without what its outputs do not need: nodes, initializers and inner values. All inputs stay, so that the
 * graph is called as before.
 * @param outputs the outputs to keep; all of the graph's when absent
 * @throws {ScopeError} usage, when the graph has no such output
 */
export function prune(
  graph: Graph,
  outputs: readonly string[] = graph.outputs.map((output) => output.name),
): Graph {
  const kept = outputs.map((name) => {
    const found = graph.outputs.find((output) => output.name === name);
    if (found !== undefined) return found;
    throw new ScopeError("usage", `graph "${graph.name}" has no output called "${name}"`, {
      hint: `it has: ${graph.outputs.map((output) => output.name).join(", ")}`,
    });
  });
  const nodes = ancestors(graph.nodes, outputs);
  const used = new Set([...outputs, ...nodes.flatMap((node) => node.inputs)]);
  const made = new Set(nodes.flatMap((node) => node.outputs));
  return {
    ...graph,
    outputs: kept,
    nodes,
    initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))),
    values: new Map([...graph.values].filter(([name]) => made.has(name))),
  };
}
