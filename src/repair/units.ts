import type { Builder } from "../graph/builder.ts";
import { constant, floatAttr, type Graph, intAttr, type Node } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { consumers } from "../graph/topology.ts";
import { float32 } from "../tensor/tensor.ts";
import { isBatchNorm } from "./renormalize.ts";

/** The hidden units of one linear operation: what REPAIR gives back its spread. */
export interface Units {
  /** Name of the weight; names the units too. */
  readonly weight: string;
  /** Axis of the weight that counts the units. */
  readonly weightAxis: number;
  /** Name of the bias [C] (or [1, C]), there or to be added. */
  readonly bias: string;
  /** The pre-activation, bias included. */
  readonly value: string;
  /** Axis of the pre-activation that counts the units; negative counts from the end. */
  readonly axis: number;
  /** C. */
  readonly count: number;
}

/** A network in which every linear operation with hidden units has a bias of its own. */
export interface Repairable {
  readonly graph: Graph;
  readonly units: readonly Units[];
}

/**
 * The network with a bias (zero, unless it has one) after every linear operation that makes hidden units, and the list
 * of these: Conv, ConvTranspose, Gemm, and MatMul by a matrix of weights. Left out are the last layer, operations that
 * batch norm follows at once (its statistics repair them), and those whose weights are shared or computed.
 */
export function repairable(graph: Graph): Repairable {
  const readers = consumers(graph.nodes);
  const head = new Set(modules(graph, "layer").find((one) => one.isHead)!.parameters);
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const initializers = new Map(graph.initializers);
  const units: Units[] = [];
  const nodes: Node[] = [];
  const taken = new Set([...initializers.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  /** Owned by one node only: changing it changes nothing else. */
  const own = (name: string): boolean => initializers.has(name) && (readers.get(name)?.length ?? 0) <= 1;
  const addBias = (weight: string, count: number): string => {
    const stem = weight.endsWith(".weight") ? weight.slice(0, -".weight".length) : weight;
    let name = `${stem}.bias`;
    for (let i = 1; taken.has(name); i++) name = `${stem}.bias${i}`;
    taken.add(name);
    initializers.set(name, constant(name, float32([count], new Float32Array(count))));
    return name;
  };
  /** Adds that turned out to be the bias of a matrix product. */
  const biasAdds = new Set<Node>();
  for (const node of graph.nodes) {
    const place = biasAdds.has(node) ? undefined : linear(graph, node);
    const follower = readers.get(node.outputs[0] ?? "") ?? [];
    if (
      place === undefined ||
      !own(place.weight) ||
      head.has(place.weight) ||
      follower.some(isBatchNorm) ||
      outputs.has(node.outputs[0]!)
    ) {
      nodes.push(node);
      continue;
    }
    const { weight, weightAxis, count, axis } = place;
    if (node.op === "MatMul") {
      const add = follower.length === 1 && follower[0]!.op === "Add" ? follower[0]! : undefined;
      const given = add?.inputs.find((name) => name !== node.outputs[0]!);
      const size = given === undefined ? undefined : initializers.get(given)?.shape;
      if (add !== undefined && given !== undefined && own(given) && size?.length === 1 && size[0] === count) {
        biasAdds.add(add);
        nodes.push(node);
        units.push({ weight, weightAxis, bias: given, value: add.outputs[0]!, axis, count });
        continue;
      }
      const bias = addBias(weight, count);
      const value = node.outputs[0]!;
      const bare = `${value}.product`;
      nodes.push({ ...node, outputs: [bare] });
      nodes.push({
        op: "Add",
        domain: "",
        name: `${node.name}.bias`,
        inputs: [bare, bias],
        outputs: [value],
        attributes: {},
      });
      units.push({ weight, weightAxis, bias, value, axis, count });
      continue;
    }
    const given = node.inputs[2] ?? "";
    if (given !== "" && !own(given)) {
      nodes.push(node);
      continue;
    }
    const bias = given === "" ? addBias(weight, count) : given;
    nodes.push(given === "" ? { ...node, inputs: [...node.inputs.slice(0, 2), bias] } : node);
    units.push({ weight, weightAxis, bias, value: node.outputs[0]!, axis, count });
  }
  return { graph: { ...graph, nodes, initializers }, units };
}

interface Place {
  readonly weight: string;
  readonly weightAxis: number;
  readonly count: number;
  readonly axis: number;
}

/** Where a linear operation keeps its units; undefined for other operations. */
function linear(graph: Graph, node: Node): Place | undefined {
  if (node.domain !== "") return undefined;
  const weight = node.inputs[1] ?? "";
  const shape = graph.initializers.get(weight)?.shape;
  if (shape === undefined) return undefined;
  const at = (weightAxis: number, axis: number): Place => ({
    weight,
    weightAxis,
    count: shape[weightAxis]!,
    axis,
  });
  switch (node.op) {
    case "Conv":
      return at(0, 1);
    case "ConvTranspose":
      return intAttr(node, "group", 1) === 1 ? at(1, 1) : undefined;
    case "Gemm": {
      if (floatAttr(node, "beta", 1) !== 1) return undefined;
      const place = at(intAttr(node, "transB", 0) === 1 ? 0 : 1, 1);
      const bias = graph.initializers.get(node.inputs[2] ?? "")?.shape;
      return bias === undefined || bias.at(-1) === place.count ? place : undefined;
    }
    case "MatMul":
      return shape.length === 2 ? at(1, -1) : undefined;
    default:
      return undefined;
  }
}

/** Mean [C] and population variance [C] of a batch's pre-activations, as values of the graph, with what is centred. */
export function describeUnits(
  g: Builder,
  value: string,
  axis: number,
): { readonly mean: string; readonly variance: string; readonly centred: string; readonly wide: number[] } {
  const shape = g.shape(value);
  const own = axis < 0 ? axis + shape.length : axis;
  const over = shape.map((_, i) => i).filter((i) => i !== own);
  const mean = g.reduceMean(value, over, true);
  const centred = g.sub(value, mean);
  const variance = g.reduceMean(g.mul(centred, centred), over, true);
  return { mean, variance, centred, wide: shape.map((size, i) => (i === own ? size : 1)) };
}
