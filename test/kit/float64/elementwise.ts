import { broadcastShapes, type DType } from "../../../src/tensor/tensor.ts";
import { floatAttr, intAttr, stringAttr } from "../../../src/graph/graph.ts";
import {
  broadcastOffset,
  empty,
  forEachIndex,
  type Kernel,
  type KernelContext,
  need,
  stridesOf,
  type Value,
} from "./value.ts";

/** Error function by its confluent series, whose terms are all positive; beyond 6 it is 1 to double precision. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let term = a;
  let sum = a;
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
export const tanhGelu = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
export const exactGelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

/** Half to even, as ONNX's Round. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

type Function1 = (x: number, context: KernelContext) => number;

export function mapped(f: Function1, dtype?: DType): Kernel {
  return ([x], context) => {
    const input = need(x);
    return [
      {
        dtype: dtype ?? input.dtype,
        shape: input.shape,
        data: input.data.map((number) => f(number, context)),
      },
    ];
  };
}

/** f over inputs broadcast together. */
export function broadcast(
  inputs: readonly Value[],
  dtype: DType,
  f: (numbers: readonly number[]) => number,
): Value {
  const shape = inputs.map((input) => input.shape).reduce((a, b) => broadcastShapes(a, b));
  const strides = inputs.map((input) => stridesOf(input.shape));
  const result = empty(dtype, shape);
  const numbers = inputs.map(() => 0);
  forEachIndex(shape, (index, flat) => {
    inputs.forEach(
      (input, i) => (numbers[i] = input.data[broadcastOffset(index, input.shape, strides[i]!)]!),
    );
    result.data[flat] = f(numbers);
  });
  return result;
}

function binary(f: (a: number, b: number) => number, dtype?: DType): Kernel {
  return ([a, b]) => [broadcast([need(a), need(b)], dtype ?? need(a).dtype, ([p = 0, q = 0]) => f(p, q))];
}

function variadic(f: (numbers: readonly number[]) => number): Kernel {
  return (inputs) => [broadcast(inputs.map(need), need(inputs[0]).dtype, f)];
}

const isFloat = (dtype: DType): boolean => dtype.includes("float");
const codes: Record<number, DType> = {
  1: "float32",
  6: "int32",
  7: "int64",
  9: "bool",
  11: "float64",
  2: "uint8",
};

function converted(x: Value, dtype: DType): Value {
  const convert =
    dtype === "bool" ? (n: number) => Number(n !== 0) : isFloat(dtype) ? (n: number) => n : Math.trunc;
  return { dtype, shape: x.shape, data: x.data.map(convert) };
}

/** Operators that work number by number. */
export const elementwise: Record<string, Kernel> = {
  Abs: mapped(Math.abs),
  Neg: mapped((x) => -x),
  Sqrt: mapped(Math.sqrt),
  Exp: mapped(Math.exp),
  Log: mapped(Math.log),
  Sin: mapped(Math.sin),
  Cos: mapped(Math.cos),
  Reciprocal: mapped((x) => 1 / x),
  Sign: mapped(Math.sign),
  Floor: mapped(Math.floor),
  Ceil: mapped(Math.ceil),
  Round: mapped(roundEven),
  Erf: mapped(erf),
  Identity: mapped((x) => x),
  Not: mapped((x) => Number(x === 0), "bool"),
  Relu: mapped((x) => Math.max(x, 0)),
  LeakyRelu: mapped((x, { node }) => (x > 0 ? x : floatAttr(node, "alpha", 0.01) * x)),
  Elu: mapped((x, { node }) => (x > 0 ? x : floatAttr(node, "alpha", 1) * Math.expm1(x))),
  Selu: mapped((x, { node }) => {
    const gamma = floatAttr(node, "gamma", 1.0507009873554805);
    return x > 0 ? gamma * x : gamma * floatAttr(node, "alpha", 1.6732632423543772) * Math.expm1(x);
  }),
  Celu: mapped((x, { node }) => {
    const alpha = floatAttr(node, "alpha", 1);
    return Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha));
  }),
  ThresholdedRelu: mapped((x, { node }) => (x > floatAttr(node, "alpha", 1) ? x : 0)),
  Sigmoid: mapped(sigmoid),
  Tanh: mapped(Math.tanh),
  Softplus: mapped(softplus),
  Softsign: mapped((x) => x / (1 + Math.abs(x))),
  HardSigmoid: mapped((x, { node }) => {
    return Math.max(0, Math.min(1, floatAttr(node, "alpha", 0.2) * x + floatAttr(node, "beta", 0.5)));
  }),
  HardSwish: mapped((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  Mish: mapped((x) => x * Math.tanh(softplus(x))),
  Gelu: mapped((x, { node }) =>
    stringAttr(node, "approximate", "none") === "tanh" ? tanhGelu(x) : exactGelu(x),
  ),
  "com.microsoft.Gelu": mapped(exactGelu),
  "com.microsoft.FastGelu": ([x, bias]) => {
    const inputs = bias ? [need(x), bias] : [need(x)];
    return [broadcast(inputs, need(x).dtype, ([a = 0, b = 0]) => tanhGelu(a + b))];
  },
  "com.microsoft.QuickGelu": mapped((x, { node }) => x * sigmoid(floatAttr(node, "alpha", 1.702) * x)),

  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: ([a, b]) => {
    const whole = !isFloat(need(a).dtype);
    return [
      broadcast([need(a), need(b)], need(a).dtype, ([p = 0, q = 0]) => (whole ? Math.trunc(p / q) : p / q)),
    ];
  },
  Pow: binary((a, b) => a ** b),
  PRelu: ([x, slope]) => [
    broadcast([need(x), need(slope)], need(x).dtype, ([a = 0, s = 0]) => (a > 0 ? a : s * a)),
  ],
  Min: variadic((all) => Math.min(...all)),
  Max: variadic((all) => Math.max(...all)),
  Sum: variadic((all) => all.reduce((a, b) => a + b, 0)),
  Mean: variadic((all) => all.reduce((a, b) => a + b, 0) / all.length),
  Equal: binary((a, b) => Number(a === b), "bool"),
  Greater: binary((a, b) => Number(a > b), "bool"),
  GreaterOrEqual: binary((a, b) => Number(a >= b), "bool"),
  Less: binary((a, b) => Number(a < b), "bool"),
  LessOrEqual: binary((a, b) => Number(a <= b), "bool"),
  And: binary((a, b) => Number(a !== 0 && b !== 0), "bool"),
  Or: binary((a, b) => Number(a !== 0 || b !== 0), "bool"),
  Where: ([c, a, b]) => [
    broadcast([need(c), need(a), need(b)], need(a).dtype, ([t = 0, p = 0, q = 0]) => (t === 0 ? q : p)),
  ],
  Clip: ([x, low, high]) => {
    const min = low?.data[0] ?? -Infinity;
    const max = high?.data[0] ?? Infinity;
    return [{ ...need(x), data: need(x).data.map((number) => Math.min(Math.max(number, min), max)) }];
  },
  Cast: ([x], { node }) => [converted(need(x), codes[intAttr(node, "to", 0)]!)],
  CastLike: ([x, like]) => [converted(need(x), need(like).dtype)],
};
