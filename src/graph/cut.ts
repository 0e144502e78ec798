import { ScopeError } from "../base/error.ts";
import type { Graph, ValueInfo } from "./graph.ts";
import { inferGraph } from "./infer.ts";
import { label } from "./shapes/rule.ts";
import { ancestors, producers, prune } from "./topology.ts";

/**
 * The part of a graph that computes `tensors`, which become its outputs, in the order given. All inputs of the graph
 * stay, needed or not.
 * @throws {ScopeError} usage, when the graph has no such value
 */
export function prefix(graph: Graph, tensors: string | readonly string[]): Graph {
  const names = typeof tensors === "string" ? [tensors] : tensors;
  const outputs = describe(graph, names);
  return prune({ ...graph, name: `${graph.name} up to ${names.join(", ")}`, outputs });
}

/**
 * The part of a graph that goes on from `tensors`, which become its inputs, in the order given; its outputs are the
 * graph's. Joined to `prefix(graph, tensors)` it computes what the graph does.
 * @throws {ScopeError} usage, when the graph has no such value, or when the outputs depend on an input of the graph by
 *   another path, which is named
 */
export function suffix(graph: Graph, tensors: string | readonly string[]): Graph {
  const names = typeof tensors === "string" ? [tensors] : tensors;
  const inputs = describe(graph, names);
  const cut = new Set(names);
  const made = producers(graph.nodes);
  const initializers = new Map([...graph.initializers].filter(([name]) => !cut.has(name)));
  const outputs = graph.outputs.map((output) => output.name);
  const nodes = ancestors(graph.nodes, outputs, cut).map((node) => {
    // A node with several outputs may be needed for one while another is cut: the cut one gets a name nobody reads.
    const twice = node.outputs.some((output) => cut.has(output));
    return twice ? { ...node, outputs: node.outputs.map((output) => (cut.has(output) ? "" : output)) } : node;
  });
  for (const input of graph.inputs) {
    if (cut.has(input.name) || initializers.has(input.name)) continue;
    const path = route(nodes, input.name, outputs);
    if (path === undefined) continue;
    const steps = path.map((name) => (made.has(name) ? label(made.get(name)!) : `output "${name}"`));
    const shown =
      steps.length > 4 ? [...steps.slice(0, 2), `${steps.length - 3} more`, ...steps.slice(-1)] : steps;
    const through = shown.join(", then ");
    throw new ScopeError(
      "usage",
      `graph "${graph.name}" cannot be cut at ${quote(names)}: input "${input.name}" also goes round ${names.length > 1 ? "them" : "it"}, through ${through}`,
      {
        hint: "name every tensor that crosses the cut, or cut where one tensor carries everything (after a residual sum)",
      },
    );
  }
  return prune({ ...graph, name: `${graph.name} from ${names.join(", ")}`, inputs, nodes, initializers });
}

/**
 * The inner values where one tensor carries everything: at each of these, `prefix` and `suffix` cut the graph in two.
 * In order from input to output; constants and the outputs themselves are left out.
 */
export function cutPoints(graph: Graph): string[] {
  const made = new Map(graph.nodes.flatMap((node, i) => node.outputs.map((output) => [output, i] as const)));
  const live = new Set(graph.inputs.map((input) => input.name));
  const outputs = new Set(graph.outputs.map((output) => output.name));
  // Last node that reads a value; outputs of the graph are read after the end.
  const last = new Map<string, number>();
  const dependent = new Set(live);
  const useful = new Set(ancestors(graph.nodes, outputs));
  graph.nodes.forEach((node, i) => {
    if (!useful.has(node)) return;
    for (const input of node.inputs) last.set(input, i);
    if (node.inputs.some((input) => dependent.has(input)))
      for (const output of node.outputs) if (output !== "") dependent.add(output);
  });
  for (const output of outputs) last.set(output, graph.nodes.length);
  const points: string[] = [];
  let open = [...live].filter((name) => last.has(name));
  graph.nodes.forEach((node, i) => {
    const fresh = node.outputs.filter((output) => dependent.has(output) && last.has(output));
    open = [...open, ...fresh].filter((name) => last.get(name)! > i);
    const only = open.length === 1 ? open[0]! : undefined;
    if (only !== undefined && made.get(only) === i && !outputs.has(only)) points.push(only);
  });
  return points;
}

function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(" and ");
}

function describe(graph: Graph, names: readonly string[]): ValueInfo[] {
  const known = inferGraph(graph);
  return names.map((name) => {
    const found = known.get(name);
    if (found !== undefined) return { name, dtype: found.dtype, shape: found.shape };
    throw new ScopeError("usage", `graph "${graph.name}" has no value called "${name}"`);
  });
}

/** The values on a shortest path from `start` to one of `ends`, without the start; undefined when there is none. */
function route(nodes: Graph["nodes"], start: string, ends: readonly string[]): string[] | undefined {
  const from = new Map<string, string>();
  const reached = new Set([start]);
  const goal = new Set(ends);
  if (goal.has(start)) return [start];
  for (const node of nodes) {
    const source = node.inputs.find((input) => reached.has(input));
    if (source === undefined) continue;
    for (const output of node.outputs) {
      if (output === "" || reached.has(output)) continue;
      reached.add(output);
      from.set(output, source);
      if (!goal.has(output)) continue;
      const path = [output];
      for (let at = source; at !== start; at = from.get(at)!) path.unshift(at);
      return path;
    }
  }
  return undefined;
}
