import type { DType } from "../../tensor/tensor.ts";
import { intAttr, type Node } from "../graph.ts";
import type { Known } from "../known.ts";
import { axisOf, broadcastDims, type Inputs, mismatch, need, sameType, show } from "./rule.ts";

/** One output like the first input (activations, softmax, cumulative sum, …). */
export function like(node: Node, inputs: Inputs): Known[] {
  const { dtype, shape } = need(node, inputs, 0);
  return [{ dtype, shape }];
}

/** Like the first input, along an existing axis (Softmax, LpNormalization). */
export function likeAlongAxis(node: Node, inputs: Inputs): Known[] {
  const { dtype, shape } = need(node, inputs, 0);
  axisOf(node, intAttr(node, "axis", -1), shape.length);
  return [{ dtype, shape }];
}

/** Clip: x, and scalars of its type as bounds. */
export function clip(node: Node, inputs: Inputs): Known[] {
  sameType(node, inputs);
  return like(node, inputs);
}

/** Inputs of one type, broadcast together (Add, Mul, Sum, Max, …). */
export function broadcast(node: Node, inputs: Inputs): Known[] {
  const first = need(node, inputs, 0);
  const all = inputs.map((_, i) => need(node, inputs, i));
  sameType(node, all);
  return [
    {
      dtype: first.dtype,
      shape: broadcastDims(
        node,
        all.map((input) => input.shape),
      ),
    },
  ];
}

/** Pow: the exponent may have a type of its own. */
export function power(node: Node, inputs: Inputs): Known[] {
  const base = need(node, inputs, 0);
  return [{ dtype: base.dtype, shape: broadcastDims(node, [base.shape, need(node, inputs, 1).shape]) }];
}

/** Comparisons: two inputs of one type, broadcast, to bool. */
export function compare(node: Node, inputs: Inputs): Known[] {
  const [known] = broadcast(node, [need(node, inputs, 0), need(node, inputs, 1)]);
  return [{ dtype: "bool", shape: known!.shape }];
}

/** And, Or, Xor: bool inputs, broadcast. */
export function logical(node: Node, inputs: Inputs): Known[] {
  for (const input of inputs) {
    if (input?.dtype !== "bool") mismatch(node, `inputs must be bool, got ${input?.dtype ?? "nothing"}`);
  }
  return broadcast(node, inputs);
}

/** Not: bool to bool. */
export function negation(node: Node, inputs: Inputs): Known[] {
  return logical(node, [need(node, inputs, 0)]);
}

/** IsNaN, IsInf: one bool for each number. */
export function test(node: Node, inputs: Inputs): Known[] {
  return [{ dtype: "bool", shape: need(node, inputs, 0).shape }];
}

/** PRelu: the slope is broadcast to x, never the other way. */
export function prelu(node: Node, inputs: Inputs): Known[] {
  return oneWay(node, inputs, 1);
}

/** BiasGelu, FastGelu: the bias (when there is one) is broadcast to x. */
export function biased(node: Node, inputs: Inputs): Known[] {
  return inputs[1] === undefined ? like(node, inputs) : oneWay(node, inputs, 1);
}

function oneWay(node: Node, inputs: Inputs, i: number): Known[] {
  const x = need(node, inputs, 0);
  const other = need(node, inputs, i);
  sameType(node, [x, other]);
  const joined = broadcastDims(node, [x.shape, other.shape]);
  const grown = joined.some(
    (dim, axis) => typeof dim === "number" && typeof x.shape[axis] === "number" && dim !== x.shape[axis],
  );
  if (joined.length !== x.shape.length || grown) {
    mismatch(node, `shape ${show(other.shape)} does not broadcast to ${show(x.shape)}`);
  }
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** Where: bool condition, two inputs of one type, all broadcast together. */
export function where(node: Node, inputs: Inputs): Known[] {
  const condition = need(node, inputs, 0);
  const yes = need(node, inputs, 1);
  const no = need(node, inputs, 2);
  if (condition.dtype !== "bool") mismatch(node, `the condition must be bool, got ${condition.dtype}`);
  sameType(node, [yes, no]);
  return [{ dtype: yes.dtype, shape: broadcastDims(node, [condition.shape, yes.shape, no.shape]) }];
}

/** Dropout: x, and the mask of what was kept. */
export function dropout(node: Node, inputs: Inputs): Known[] {
  const { dtype, shape } = need(node, inputs, 0);
  return [
    { dtype, shape },
    { dtype: "bool", shape },
  ];
}

/** Element types by ONNX's number for them (TensorProto.DataType). */
const typeNumbers: Readonly<Record<number, DType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
};

/** Cast: the element type named by the attribute `to`. */
export function cast(node: Node, inputs: Inputs): Known[] {
  const to = intAttr(node, "to", 0);
  const dtype =
    typeNumbers[to] ?? mismatch(node, `element type number ${to} (attribute "to") is not one we carry`);
  return [{ dtype, shape: need(node, inputs, 0).shape }];
}

/** CastLike: the element type of the second input. */
export function castLike(node: Node, inputs: Inputs): Known[] {
  return [{ dtype: need(node, inputs, 1).dtype, shape: need(node, inputs, 0).shape }];
}
