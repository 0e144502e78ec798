import { sizeOf } from "../tensor/tensor.ts";
import { Builder } from "./builder.ts";
import { floatAttr, type Graph, intAttr, type Node } from "./graph.ts";
import { consumers, prune } from "./topology.ts";

/**
 * Batch normalisations with running statistics that follow a convolution go into its weights and bias:
 * w′ = w · s, b′ = (b − mean) · s + shift with s = scale / √(variance + ε), one number an output channel. The arithmetic
 * stays in the graph, on weights only, so parameters and statistics may still be inputs. The images then meet one
 * operator where they met two. The result computes the same numbers up to rounding.
 *
 * Left as they are: normalisations that train, follow something else, or a convolution whose output is read elsewhere.
 * `graph` must have numeric shapes (see `bind`).
 */
export function foldNormalization(graph: Graph): Graph {
  const readers = consumers(graph.nodes);
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const folded = new Map<Node, Node>();
  for (const conv of graph.nodes) {
    const [y = ""] = conv.outputs;
    const [norm, ...others] = readers.get(y) ?? [];
    if (conv.op !== "Conv" || conv.domain !== "" || outputs.has(y) || others.length > 0) continue;
    if (norm !== undefined && isRunning(norm) && norm.inputs.indexOf(y) === norm.inputs.lastIndexOf(y)) {
      folded.set(conv, norm);
    }
  }
  if (folded.size === 0) return graph;

  const gone = new Set(folded.values());
  const g = new Builder(graph.opsets[""] ?? 17);
  g.reserve([...graph.initializers.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  for (const input of graph.inputs) g.input(input.name, input.dtype, input.shape);
  for (const initializer of graph.initializers.values()) g.parameter(initializer);
  for (const [key, text] of Object.entries(graph.metadata)) g.note(key, text);
  // What a normalisation reads may be made between the convolution and it: the convolution moves down to its place.
  const convOf = new Map([...folded].map(([conv, norm]) => [norm, conv]));
  for (const node of graph.nodes) {
    if (folded.has(node)) continue;
    if (gone.has(node)) merge(g, convOf.get(node)!, node);
    else g.add(node);
  }
  g.output(...graph.outputs.map((output) => output.name));
  return prune(g.finish(graph.name));
}

/** Batch normalisation of its first input by statistics it is given, with nothing else coming out. */
function isRunning(node: Node): boolean {
  return (
    node.op === "BatchNormalization" &&
    node.domain === "" &&
    intAttr(node, "training_mode", 0) === 0 &&
    node.outputs.slice(1).every((output) => output === "")
  );
}

function merge(g: Builder, conv: Node, norm: Node): void {
  const [x = "", weights = "", bias = ""] = conv.inputs;
  const [, scale = "", shift = "", mean = "", variance = ""] = norm.inputs;
  const kernel = g.shape(weights);
  // ONNX: ε is 1e-5 unless told.
  const deviation = g.op("Sqrt", [g.plus(variance, g.scalar(floatAttr(norm, "epsilon", 1e-5)))]);
  const factor = g.div(scale, deviation);
  const column = g.reshape(factor, [sizeOf(g.shape(factor)), ...kernel.slice(1).map(() => 1)]);
  const centre = bias === "" ? g.neg(mean) : g.sub(bias, mean);
  g.add({
    ...conv,
    inputs: [x, g.mul(weights, column), g.plus(g.mul(centre, factor), shift)],
    outputs: norm.outputs.slice(0, 1),
  });
}
