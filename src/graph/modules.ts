import { ScopeError } from "../base/error.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Graph, Initializer, Node } from "./graph.ts";
import { isInteger } from "./known.ts";
import { levels, nodePath, parameterPath } from "./paths.ts";
import { producers, reachable } from "./topology.ts";

/** How coarsely parameters are grouped. */
export type Granularity = "layer" | "block" | "stage";

/** Parameters that belong together, as a person would name them. */
export interface Module {
  /** Dotted path, e.g. stage2.block1.conv1 (layer), stage2.block1 (block), stage2 (stage). Unique in the graph. */
  readonly name: string;
  /** Names of the initializers that training changes by gradient, in order of first use. */
  readonly parameters: readonly string[];
  /** Names of the initializers that training changes otherwise: running mean and variance of batch norm. */
  readonly statistics: readonly string[];
  /** The first node, from input to output, that one of the parameters acts in. */
  readonly first: Node;
  /** Numbers in all parameters (statistics not counted). */
  readonly size: number;
  /** Whether this is the last module before the output. */
  readonly isHead: boolean;
}

/** One parameter and where it first meets data. */
interface Use {
  readonly initializer: Initializer;
  readonly node: Node;
  readonly position: number;
  readonly statistic: boolean;
}

type Producers = ReadonlyMap<string, Node>;

interface Layer {
  readonly path: readonly string[];
  readonly uses: Use[];
}

/** Inputs that hold settings, not parameters, by operator. */
const settings: Readonly<Record<string, readonly number[]>> = {
  Resize: [1, 2, 3],
  Clip: [1, 2],
  Pad: [2],
  Dropout: [1, 2],
  OneHot: [1, 2],
  Range: [0, 1, 2],
  Pow: [1],
  TopK: [1],
};

/** What the graph builder calls constants. */
const builtConstant = /^const_\d+$/;

/**
 * The modules of a network in order of first use, from input to output. Every float initializer belongs to exactly one,
 * except settings (Resize's scales, Clip's bounds), single numbers without a name of their own (a constant factor) and
 * what the graph builder made as a constant.
 *
 * Names come from the parameters' names; where an exporter mangled these, from the node's; where that has no path
 * either, from the operator and its count (conv1, conv2, gemm1).
 *
 * - layer: the parameters of one operation, `stage2.block1.conv1` with its weight and bias.
 * - block: the repeated unit the names speak of, `stage2.block1`, `layer1.0`, `blocks.3`. A layer outside of any stands
 *   for itself, together with the normalisation that follows it; `stem.conv` and `stem.norm` are `stem`.
 * - stage: `stage2`, `layer1`, `features`; a block outside of any stands for itself.
 *
 * @throws {ScopeError} unsupported, when the graph has no parameters
 */
export function modules(graph: Graph, granularity: Granularity): Module[] {
  const uses = parameterUses(graph);
  if (uses.length === 0) {
    throw new ScopeError(
      "unsupported",
      `graph "${graph.name}" has no parameters: none of its initializers is a float tensor that meets the input`,
    );
  }
  const made = producers(graph.nodes);
  const layers = toLayers(made, uses);
  const groups = new Map<string, Use[]>();
  for (const [name, layer] of layers) {
    const key = granularity === "layer" ? name : coarser(made, layers, name, layer, granularity);
    groups.set(key, [...(groups.get(key) ?? []), ...layer.uses]);
  }
  const last = uses.at(-1)!;
  return [...groups]
    .map(([name, members]) => ({ name, members: members.toSorted((a, b) => a.position - b.position) }))
    .toSorted((a, b) => a.members[0]!.position - b.members[0]!.position)
    .map(({ name, members }) => {
      const parameters = members.filter((use) => !use.statistic);
      return {
        name,
        parameters: parameters.map((use) => use.initializer.name),
        statistics: members.filter((use) => use.statistic).map((use) => use.initializer.name),
        first: members[0]!.node,
        size: parameters.reduce((total, use) => total + sizeOf(use.initializer.shape), 0),
        isHead: members.includes(last),
      };
    });
}

/** Every parameter with the first node in which it (or what is made from parameters only) meets data, in that order. */
function parameterUses(graph: Graph): Use[] {
  const isData = reachable(
    graph.nodes,
    graph.inputs.map((input) => input.name),
  );
  // The first meeting of each value with data, found from the last node to the first.
  const meetings = new Map<string, { node: Node; at: number; input: number }>();
  for (const [at, node] of [...graph.nodes.entries()].reverse()) {
    const meets = node.inputs.some((input) => isData.has(input));
    const later = node.outputs
      .flatMap((output) => meetings.get(output) ?? [])
      .toSorted((a, b) => a.at - b.at)[0];
    node.inputs.forEach((name, input) => {
      const found = meets ? { node, at, input } : later;
      const kept = meetings.get(name);
      if (found === undefined || isData.has(name)) return;
      // An initializer that a node reads twice is known by the first place.
      if (kept === undefined || found.at < kept.at) meetings.set(name, found);
    });
  }
  const uses: Use[] = [];
  for (const initializer of graph.initializers.values()) {
    if (isInteger(initializer.dtype)) continue;
    const use = meetings.get(initializer.name);
    if (use === undefined || settings[use.node.op]?.includes(use.input)) continue;
    const nameless = parameterPath(initializer.name) === undefined;
    if (nameless && (sizeOf(initializer.shape) === 1 || builtConstant.test(initializer.name))) continue;
    // Order within a node is the order of its inputs: weight, bias, statistics.
    const place = use.at + use.input / (use.node.inputs.length + 1);
    uses.push({
      initializer,
      node: use.node,
      position: place,
      statistic: use.node.op === "BatchNormalization" && use.input >= 3,
    });
  }
  return uses.toSorted((a, b) => a.position - b.position);
}

function toLayers(made: Producers, uses: readonly Use[]): Map<string, Layer> {
  const layers = new Map<string, Layer>();
  const counts = new Map<string, number>();
  const named = new Set(uses.flatMap((use) => parameterPath(use.initializer.name)?.join(".") ?? []));
  // Names made from operators, by the node they were made for.
  const invented = new Map<Node, string[]>();
  const invent = (node: Node): string[] => {
    const bearer =
      node.op === "Add"
        ? node.inputs.map((input) => made.get(input)).find((maker) => maker && invented.has(maker))
        : undefined;
    const kept = invented.get(bearer ?? node);
    if (kept !== undefined) return kept;
    const stem = node.op.toLowerCase();
    let name: string;
    do {
      counts.set(stem, (counts.get(stem) ?? 0) + 1);
      name = `${stem}${counts.get(stem)}`;
    } while (named.has(name));
    invented.set(node, [name]);
    return [name];
  };
  for (const use of uses) {
    const path = parameterPath(use.initializer.name) ?? nodePath(use.node.name) ?? invent(use.node);
    const name = path.join(".");
    const layer = layers.get(name);
    if (layer === undefined) layers.set(name, { path, uses: [use] });
    else layer.uses.push(use);
  }
  return layers;
}

function coarser(
  made: Producers,
  layers: ReadonlyMap<string, Layer>,
  name: string,
  layer: Layer,
  granularity: "block" | "stage",
): string {
  const { path } = layer;
  const own = levels(path);
  // A parameter of the container itself (stage1.block2.scale) goes with what the container holds.
  const holds = own.block === undefined && [...layers.values()].some((other) => isInside(other.path, path));
  const { stage, block } = holds ? levels([...path, "*"]) : own;
  if (granularity === "stage" && stage !== undefined) return path.slice(0, stage).join(".");
  if (block !== undefined) return path.slice(0, block).join(".");
  return family(layers, path) ?? normalised(made, layers, name, layer) ?? name;
}

/** The container a layer stands in, when that holds just one layer with weights and what goes with it: stem.conv, stem.norm. */
function family(layers: ReadonlyMap<string, Layer>, path: readonly string[]): string | undefined {
  const container =
    layers.has(path.join(".")) && [...layers.values()].some((other) => isInside(other.path, path))
      ? path
      : path.slice(0, -1);
  if (container.length === 0) return undefined;
  const members = [...layers.values()].filter(
    (other) => other.path.join(".") === container.join(".") || isInside(other.path, container),
  );
  const bearing = members.filter((member) => bearers.has(member.uses[0]!.node.op));
  return members.length > 1 && bearing.length === 1 ? container.join(".") : undefined;
}

function isInside(inner: readonly string[], outer: readonly string[]): boolean {
  return inner.length > outer.length && outer.every((part, i) => part === inner[i]);
}

const normName = /^(.*?)(bn|norm|batch_?norm|gn|ln|group_?norm|layer_?norm)_?(\d*)$/i;
const bearers = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * The layer whose output this normalisation layer normalises, when the two are siblings: the graph shows it, or, for a
 * normalisation spelled out in small operators, the names do (`conv1` and, right after it, `norm1`).
 */
function normalised(
  made: Producers,
  layers: ReadonlyMap<string, Layer>,
  name: string,
  layer: Layer,
): string | undefined {
  const { node } = layer.uses[0]!;
  const spelled = normName.exec(layer.path.at(-1)!);
  if (!node.op.endsWith("Normalization") && spelled === null) return undefined;
  const parent = layer.path.slice(0, -1).join(".");
  const source = made.get(node.inputs[0] ?? "");
  const order = [...layers.keys()];
  const before = order[order.indexOf(name) - 1];
  for (const [other, { path, uses }] of layers) {
    if (other === name || path.slice(0, -1).join(".") !== parent || !bearers.has(uses[0]!.node.op)) continue;
    if (uses.some((use) => use.node === source)) return other;
    const [, word = "", number] = /^(.*?)(\d*)$/.exec(path.at(-1)!)!;
    if (other === before && word !== "" && spelled?.[3] === number) return other;
  }
  return undefined;
}
