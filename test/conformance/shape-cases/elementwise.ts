import { float } from "../../../src/graph/builder.ts";
import { scalar } from "../../../src/tensor/tensor.ts";
import type { Draw } from "../../kit/draw.ts";
import { constant, either, fed, filled, type ShapeCases, signed } from "../shape-case.ts";

const unary: ShapeCases = (d) => ({ inputs: [fed(d, d.shape(d.int(0, 4)))] });
const unaryFrom =
  (opset: number): ShapeCases =>
  (d, block) => ({ ...unary(d, block), opset });

/** Operators whose results constant propagation works out: small constants of several types. */
const followed =
  (low: number, high: number, types: readonly ("float32" | "int64" | "int32" | "bool")[]): ShapeCases =>
  (d) => ({ inputs: [either(d, filled(d, d.shape(d.int(0, 3)), d.pick(types), low, high))] });

function pair(d: Draw): [number[], number[]] {
  const shape = d.shape(d.int(0, 4));
  const other = d.broadcastable(shape);
  return d.bool() ? [shape, other] : [other, shape];
}

const binary =
  (
    low = -7,
    high = 7,
    types: readonly ("float32" | "int64" | "int32" | "bool")[] = ["float32", "int64", "int32"],
  ): ShapeCases =>
  (d) => {
    const dtype = d.pick(types);
    const [a, b] = pair(d);
    return { inputs: [either(d, filled(d, a, dtype, low, high)), either(d, filled(d, b, dtype, low, high))] };
  };

const variadic =
  (types: readonly ("float32" | "int64")[]): ShapeCases =>
  (d) => {
    const dtype = d.pick(types);
    const shape = d.shape(d.int(1, 3));
    const shapes = [shape, ...Array.from({ length: d.int(0, 2) }, () => d.broadcastable(shape))];
    return { inputs: d.order(shapes.length).map((i) => either(d, filled(d, shapes[i]!, dtype, -5, 5))) };
  };

export const Add = binary();
export const Sub = binary();
export const Mul = binary();
export const Div: ShapeCases = (d) => {
  const dtype = d.pick(["float32", "int64", "int32"] as const);
  const [a, b] = pair(d);
  const low = d.pick([1, -5]);
  return { inputs: [either(d, filled(d, a, dtype, -9, 9)), either(d, filled(d, b, dtype, low, low + 4))] };
};
export const Mod: ShapeCases = (d) => {
  const [a, b] = pair(d);
  const low = d.pick([1, -5]);
  return {
    inputs: [either(d, filled(d, a, "int64", -9, 9)), either(d, filled(d, b, "int64", low, low + 4))],
    attributes: { fmod: d.int(0, 1) },
  };
};
export const Pow: ShapeCases = (d) => {
  const [a, b] = pair(d);
  return { inputs: [fed(d, a), fed(d, b, d.pick(["float32", "int64"]))] };
};
export const Min = variadic(["float32", "int64"]);
export const Max = variadic(["float32", "int64"]);
export const Mean = variadic(["float32"]);
export const Sum = variadic(["float32"]);
export const Equal = binary(-1, 1, ["float32", "int64", "int32", "bool"]);
export const Greater = binary(-1, 1);
export const GreaterOrEqual = binary(-1, 1);
export const Less = binary(-1, 1);
export const LessOrEqual = binary(-1, 1);
export const And = binary(0, 1, ["bool"]);
export const Or = binary(0, 1, ["bool"]);
export const Xor = binary(0, 1, ["bool"]);
export const Not = followed(0, 1, ["bool"]);
export const Neg = followed(-5, 5, ["float32", "int64", "int32"]);
export const Abs = followed(-5, 5, ["float32", "int64", "int32"]);
export const Sign = followed(-2, 2, ["float32", "int64", "int32"]);
export const Floor = followed(-5, 5, ["float32"]);
export const Ceil = followed(-5, 5, ["float32"]);
export const Sqrt = followed(0, 9, ["float32"]);
export const Identity = followed(-5, 5, ["float32", "int64", "int32", "bool"]);
export {
  unary as Exp,
  unary as Log,
  unary as Reciprocal,
  unary as Round,
  unary as Sin,
  unary as Cos,
  unary as Erf,
  unary as Relu,
  unary as LeakyRelu,
  unary as Elu,
  unary as Selu,
  unary as Celu,
  unary as Sigmoid,
  unary as Tanh,
  unary as Softplus,
  unary as Softsign,
  unary as HardSigmoid,
  unary as HardSwish,
  unary as ThresholdedRelu,
  unary as IsNaN,
  unary as IsInf,
};
export const Mish = unaryFrom(18);
export const Gelu = unaryFrom(20);

export const PRelu: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 4));
  return { inputs: [fed(d, shape), fed(d, d.broadcastable(shape))] };
};
export const Clip: ShapeCases = (d) => ({
  inputs: [fed(d, d.shape(d.int(0, 4))), d.bool() ? constant(scalar(-1)) : undefined, constant(scalar(1))],
});
const alongAxis: ShapeCases = (d) => {
  const rank = d.int(1, 4);
  return { inputs: [fed(d, d.shape(rank))], attributes: { axis: signed(d, d.int(0, rank - 1), rank) } };
};
export { alongAxis as Softmax, alongAxis as LogSoftmax, alongAxis as LpNormalization };

export const Where: ShapeCases = (d) => {
  const shape = d.shape(d.int(0, 3));
  const dtype = d.pick(["float32", "int64", "int32"] as const);
  const part = (): number[] => (d.bool() ? shape : d.broadcastable(shape));
  return {
    inputs: [
      either(d, filled(d, part(), "bool", 0, 1)),
      either(d, filled(d, part(), dtype, -5, 5)),
      either(d, filled(d, part(), dtype, -5, 5)),
    ],
  };
};
const types = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;
export const Cast: ShapeCases = (d) => ({
  inputs: [either(d, filled(d, d.shape(d.int(0, 3)), d.pick(["float32", "int32", "int64", "bool"]), -5, 5))],
  attributes: { to: types[d.pick(["float32", "int32", "int64", "bool"] as const)] },
});
export const CastLike: ShapeCases = (d) => ({
  inputs: [fed(d, d.shape(d.int(0, 3))), fed(d, [2], d.pick(["float32", "int64", "int32"]))],
});
export const Dropout: ShapeCases = (d) => ({
  inputs: [fed(d, d.shape(d.int(1, 4))), d.bool() ? constant(scalar(0.5)) : undefined],
  outputs: d.int(1, 2),
});

/** Operators of domain com.microsoft. */
export const microsoft: Readonly<Record<string, ShapeCases>> = {
  Gelu: unary,
  QuickGelu: (d) => ({ inputs: [fed(d, d.shape(3))], attributes: { alpha: float(1.7) } }),
  FastGelu: (d) => {
    const shape = d.shape(3);
    return { inputs: d.bool() ? [fed(d, shape)] : [fed(d, shape), fed(d, [shape[2]!])] };
  },
  BiasGelu: (d) => {
    const shape = d.shape(3);
    return { inputs: [fed(d, shape), fed(d, [shape[2]!])] };
  },
};
