import type { Graph, Node } from "../graph/graph.ts";
import { consumers, producers } from "../graph/topology.ts";

/** Operators f of one input with f(βx) = β f(x) for every β > 0. */
const homogeneous = new Set([
  "Identity",
  "Dropout",
  "Neg",
  "Flatten",
  "Reshape",
  "Squeeze",
  "Unsqueeze",
  "Transpose",
  "Slice",
  "Relu",
  "LeakyRelu",
  "GlobalAveragePool",
  "AveragePool",
  "GlobalMaxPool",
  "MaxPool",
  "ReduceMean",
  "ReduceSum",
]);

/** What may stand between a parameter and the layer that uses it. */
const passing = new Set(["Identity", "Transpose", "Reshape"]);

/**
 * Parameters that, all multiplied by the same β > 0, multiply the logits (the first output) by β: weight and bias of the
 * last linear layer. Found by following the logits back through what keeps a factor (pooling, reshaping, ReLU) to Gemm,
 * MatMul, Conv and the biases added. Undefined where there is no such set among the initializers `names`: a softmax at
 * the end, a last weight that is used elsewhere too, a bias that is a constant.
 */
export function scalableHead(graph: Graph, names: readonly string[]): string[] | undefined {
  const made = producers(graph.nodes);
  const readers = consumers(graph.nodes);
  const known = new Set(names);
  const found = new Set<string>();

  /** The parameter a value is, up to its layout, if nothing else uses it. */
  const parameterOf = (value: string): string | undefined => {
    if ((readers.get(value)?.length ?? 0) !== 1) return undefined;
    if (known.has(value)) return value;
    const node = made.get(value);
    return node !== undefined && passing.has(node.op) ? parameterOf(node.inputs[0]!) : undefined;
  };
  const take = (value: string | undefined): boolean => {
    if (value === undefined || value === "") return true;
    const parameter = parameterOf(value);
    if (parameter !== undefined) found.add(parameter);
    return parameter !== undefined;
  };
  const isConstant = (value: string): boolean => graph.initializers.has(value) && !known.has(value);
  const followNode = ({ op, inputs: [a = "", b = "", c] }: Node): boolean => {
    switch (op) {
      case "Gemm":
      case "Conv":
      case "ConvTranspose":
        return take(b) && take(c);
      case "MatMul":
        return take(b) || take(a);
      case "Add":
      case "Sub":
      case "Sum":
        return (take(a) || follow(a)) && (take(b) || follow(b));
      case "Mul":
        return isConstant(b) ? follow(a) : isConstant(a) ? follow(b) : take(b) || take(a);
      case "Div":
        return isConstant(b) && follow(a);
      default:
        return homogeneous.has(op) && follow(a);
    }
  };
  const follow = (value: string): boolean => {
    const node = made.get(value);
    return node !== undefined && node.domain === "" && followNode(node);
  };
  return follow(graph.outputs[0]!.name) ? [...found] : undefined;
}
