import { lowerForTraining } from "../autodiff/lower.ts";
import { Builder } from "../graph/builder.ts";
import { floatAttr, type Graph, type Node } from "../graph/graph.ts";
import { consumers, prune } from "../graph/topology.ts";
import { forgetful, isBatchNorm } from "../repair/renormalize.ts";

/**
 * The network (numeric shapes) with batch norms that normalise with the statistics of the batch at hand, as in training,
 * for a graph that is only run: first output only.
 *
 * Where channels are whole blocks of the blocked layout, a norm is y = factor · x + shift, written as a convolution of
 * one pixel per channel, with factor = scale / √(variance + ε) and shift = bias − mean · factor: images go through memory
 * half as often as in `lowerForTraining`. The variance is E[(x − k)²] − (E[x − k])², k the running mean of the final
 * network; where a convolution makes x, its bias takes k off on the way. A constant k changes nothing in exact
 * arithmetic, and keeps the difference from cancelling. Other norms are lowered as for training.
 */
export function normalizeByBatch(graph: Graph, block: number): Graph {
  const first = { ...graph, outputs: graph.outputs.slice(0, 1) };
  const lowered = lowerForTraining(forgetful(block > 1 ? asConvolutions(first, block) : first)).graph;
  return prune({ ...lowered, outputs: lowered.outputs.slice(0, 1) });
}

function asConvolutions(graph: Graph, block: number): Graph {
  const g = new Builder(graph.opsets[""] ?? 17);
  g.reserve([...graph.initializers.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  for (const input of graph.inputs) g.input(input.name, input.dtype, input.shape);
  for (const initializer of graph.initializers.values()) g.parameter(initializer);
  for (const [key, text] of Object.entries(graph.metadata)) g.note(key, text);
  const readers = consumers(graph.nodes);
  const outputs = new Set(graph.outputs.map((output) => output.name));
  for (const node of graph.nodes) {
    const [y = ""] = node.outputs;
    const [norm, ...others] = readers.get(y) ?? [];
    if (norm !== undefined && others.length === 0 && !outputs.has(y) && isCentred(node, norm, graph, block))
      centred(g, node, norm);
    else if (isBatchNorm(node) && fits(g, node, block)) normalize(g, node);
    else g.add(node);
  }
  g.output(...graph.outputs.map((output) => output.name));
  return g.finish(graph.name);
}

/** Whether this is a convolution whose bias can take the running mean off for the norm that alone reads it. */
function isCentred(node: Node, norm: Node, graph: Graph, block: number): boolean {
  const mean = graph.initializers.get(norm.inputs[3] ?? "");
  return (
    node.op === "Conv" &&
    node.domain === "" &&
    isBatchNorm(norm) &&
    norm.inputs[0] === node.outputs[0] &&
    mean !== undefined &&
    mean.shape[0]! % block === 0
  );
}

/** The convolution with k, the running mean, taken off. */
function centred(g: Builder, conv: Node, norm: Node): void {
  const [x = "", weights = "", bias = ""] = conv.inputs;
  // A copy under another name: the running mean itself counts as forgotten.
  const mean = g.floats(g.shape(norm.inputs[3]!), g.value(norm.inputs[3]!)!.data as Float32Array);
  g.add({ ...conv, inputs: [x, weights, bias === "" ? g.neg(mean) : g.sub(bias, mean)] });
}

function fits(g: Builder, norm: Node, block: number): boolean {
  const shape = g.known(norm.inputs[0]!).shape;
  const [n, c, h, w] = shape;
  return (
    shape.length === 4 &&
    [n, c, h, w].every((size) => typeof size === "number") &&
    (c as number) % block === 0 &&
    norm.outputs.slice(1).every((output) => output === "")
  );
}

function normalize(g: Builder, norm: Node): void {
  const [x = "", scale = "", bias = ""] = norm.inputs;
  const [, channels = 1] = g.shape(x);
  const mean = g.reduceMean(x, [0, 2, 3], true);
  const square = g.reduceMean(g.mul(x, x), [0, 2, 3], true);
  // Rounding may make it a little less than 0 where all numbers of a channel are equal.
  const variance = g.op("Max", [g.sub(square, g.mul(mean, mean)), g.scalar(0)]);
  const root = g.op("Sqrt", [g.plus(variance, g.scalar(floatAttr(norm, "epsilon", 1e-5)))]);
  const factor = g.div(g.reshape(scale, [channels]), g.reshape(root, [channels]));
  const shift = g.sub(g.reshape(bias, [channels]), g.mul(g.reshape(mean, [channels]), factor));
  g.add({
    op: "Conv",
    domain: "",
    name: norm.name,
    inputs: [x, g.reshape(factor, [channels, 1, 1, 1]), shift],
    outputs: norm.outputs.slice(0, 1),
    attributes: {
      group: { type: "int", value: channels },
      kernel_shape: { type: "ints", value: [1, 1] },
    },
  });
}
