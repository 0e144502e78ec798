import { ScopeError } from "../base/error.ts";
import { type Graph, intAttr, type Node } from "../graph/graph.ts";
import { headOf } from "../graph/head.ts";
import { type Module, modules } from "../graph/modules.ts";
import { consumers } from "../graph/topology.ts";
import type { InitSpec, ParameterInfo } from "../models/types.ts";

/**
 * The parameters and statistics of any network, as `modules(graph, "layer")` finds them, with what their place in the
 * graph says of them. Ours say so themselves (`buildModel`); this is for everybody else's.
 *
 * Fresh values: weights of Conv, ConvTranspose, Gemm and MatMul are He-normal by the inputs of a unit; what is added is
 * 0; a normalisation's scale is 1 and its shift 0, its running mean 0 and variance 1; anything else (embeddings, scales
 * without a name for their role) is normal with the mean and standard deviation of the numbers there are. The head's
 * weight is uniform within ±1/√(inputs of a unit).
 */
export function graphParameters(graph: Graph): ParameterInfo[] {
  const readers = consumers(graph.nodes);
  const layers = modules(graph, "layer");
  const inHead = headNames(graph, layers);
  return layers.flatMap((module) => {
    const info = (name: string, role: ParameterInfo["role"]): ParameterInfo => {
      const { shape } = graph.initializers.get(name)!;
      return {
        name,
        shape,
        init: initOf(graph, readers, name, inHead.has(name)),
        role,
        decay: role === "trainable" && shape.length >= 2,
        module: module.name,
        head: inHead.has(name),
        lrScale: 1,
      };
    };
    return [
      ...module.parameters.map((name) => info(name, "trainable")),
      ...module.statistics.map((name) => info(name, "statistic")),
    ];
  });
}

/** The head's parameters: what maps features to classes; where that is not to be seen, the last module. */
function headNames(graph: Graph, layers: readonly Module[]): Set<string> {
  try {
    const { weight, bias } = headOf(graph);
    return new Set(bias === undefined ? [weight] : [weight, bias]);
  } catch (error) {
    if (!(error instanceof ScopeError)) throw error;
    return new Set(layers.find(({ isHead }) => isHead)?.parameters);
  }
}

/** Operators that pass a weight on with the same numbers in the same order. */
const renaming = new Set(["Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"]);

function initOf(
  graph: Graph,
  readers: ReadonlyMap<string, readonly Node[]>,
  name: string,
  head: boolean,
): InitSpec {
  const { shape } = graph.initializers.get(name)!;
  let value = name;
  let turned = false;
  // Some exporters transpose a weight on its way to the product it belongs to.
  for (;;) {
    const [node] = readers.get(value) ?? [];
    if (node === undefined) return likePresent(graph, name);
    const at = node.inputs.indexOf(value);
    if (renaming.has(node.op) || node.op === "Transpose") {
      if (node.op === "Transpose") turned = !turned;
      value = node.outputs[0]!;
      continue;
    }
    const init = roleInit(node, at, shape, turned, head);
    return init ?? likePresent(graph, name);
  }
}

function roleInit(
  node: Node,
  at: number,
  shape: readonly number[],
  turned: boolean,
  head: boolean,
): InitSpec | undefined {
  const weight = (inputsFirst: boolean): InitSpec => {
    // `fans` reads [out, in, …]; where a unit's inputs come first, its "out" is their number.
    if (!head) return { kind: "he-normal", fan: inputsFirst ? "out" : "in" };
    return inputsFirst ? { kind: "uniform", bound: 1 / Math.sqrt(shape[0]!) } : { kind: "uniform-fan-in" };
  };
  switch (node.op) {
    case "Conv":
    case "ConvTranspose":
      if (at === 2) return { kind: "zeros" };
      // A transposed convolution's weights are [in, out, …].
      return shape.length >= 2 ? weight(node.op === "ConvTranspose") : undefined;
    case "Gemm":
      if (at === 2) return { kind: "zeros" };
      if (shape.length !== 2) return undefined;
      // y = A·B with B [in, out], or [out, in] with transB; a weight on the left is [out, in], or [in, out] with transA.
      return weight(
        at === 1
          ? (intAttr(node, "transB", 0) === 1) === turned
          : (intAttr(node, "transA", 0) === 1) !== turned,
      );
    case "MatMul":
      return shape.length === 2 ? weight((at === 1) !== turned) : undefined;
    case "Add":
      return shape.length <= 1 || shape.filter((dim) => dim !== 1).length <= 1
        ? { kind: "zeros" }
        : undefined;
    case "BatchNormalization":
      return { kind: at === 1 || at === 4 ? "ones" : "zeros" };
    case "InstanceNormalization":
    case "GroupNormalization":
    case "LayerNormalization":
    case "RMSNormalization":
    case "SimplifiedLayerNormalization":
      return { kind: at === 1 ? "ones" : "zeros" };
    default:
      return undefined;
  }
}

/** Normal, with the mean and standard deviation of the numbers a tensor holds. */
function likePresent(graph: Graph, name: string): InitSpec {
  const { data } = graph.initializers.get(name)!.load();
  const numbers = data as Float32Array;
  let sum = 0;
  for (const number of numbers) sum += number;
  const mean = numbers.length === 0 ? 0 : sum / numbers.length;
  let squares = 0;
  for (const number of numbers) squares += (number - mean) ** 2;
  return { kind: "normal", mean, std: numbers.length === 0 ? 0 : Math.sqrt(squares / numbers.length) };
}
