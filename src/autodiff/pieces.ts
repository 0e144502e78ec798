import { dataTypes } from "../graph/data-types.ts";
import { type Builder, float } from "../graph/builder.ts";
import type { DType } from "../tensor/tensor.ts";

/** x > 0, as bool, shape of x. */
export function isPositive(g: Builder, x: string): string {
  return g.op("Greater", [x, g.scalar(0, g.dtype(x))]);
}

/**
 * 1 where d = 0 and 0 where d < 0, in the type of d, which must not be positive.
 *
 * float32: HardSigmoid, min(1, max(0, αd + 1)) with a huge α: one fast pass in ONNX Runtime, where Equal and Cast take
 * three times as long. Deviation: for d above −1/α, which is a denormal, it is between 0 and 1.
 */
export function isZero(g: Builder, d: string): string {
  if (g.dtype(d) !== "float32") return cast(g, g.op("Equal", [d, zeroLike(g, d)]), g.dtype(d));
  return g.op("HardSigmoid", [d], { alpha: float(3e38), beta: float(1) });
}

/** `value` where `mask` (bool) holds, 0 elsewhere. Shapes broadcast. */
export function keepWhere(g: Builder, mask: string, value: string): string {
  return g.op("Where", [mask, value, g.scalar(0, g.dtype(value))]);
}

/** Zeros of a shape. */
export function zeros(g: Builder, shape: readonly number[], dtype: DType): string {
  return g.op("Expand", [g.scalar(0, dtype), g.ints(shape)]);
}

/** x as `dtype`; x itself when it is of that type already. */
export function cast(g: Builder, x: string, dtype: DType): string {
  return g.dtype(x) === dtype ? x : g.op("Cast", [x], { to: dataTypes[dtype] });
}

/** Whether a Cast to ONNX's type number `code` keeps fractions, so that gradients pass through it. */
export function isFloatCode(code: number): boolean {
  return [dataTypes.float32, dataTypes.float64, dataTypes.float16, dataTypes.bfloat16].includes(code);
}

/** Derivative of x/2 · (1 + tanh u), u = √(2/π) · (x + 0.044715x³), at x. Same shape as x. */
export function tanhGeluSlope(g: Builder, x: string): string {
  const one = g.scalar(1, g.dtype(x));
  const factor = Math.sqrt(2 / Math.PI);
  const square = g.mul(x, x);
  const t = g.op("Tanh", [g.scale(g.mul(x, g.plus(g.scale(square, 0.044715), one)), factor)]);
  const rise = g.scale(g.plus(g.scale(square, 3 * 0.044715), one), factor);
  const bend = g.mul(g.mul(x, g.sub(one, g.mul(t, t))), rise);
  return g.scale(g.plus(g.plus(t, one), bend), 0.5);
}

/** A scalar zero of the type of x. */
export function zeroLike(g: Builder, x: string): string {
  return g.scalar(0, g.dtype(x));
}

/** A Reduce… node that keeps its axes: they are an attribute before opset 18, an input from then on. */
export function reduce(
  g: Builder,
  op: "ReduceProd" | "ReduceMax" | "ReduceMin",
  x: string,
  axes: readonly number[],
): string {
  if (axes.length === 0) return x;
  return g.opset >= 18 ? g.op(op, [x, g.ints(axes)], { keepdims: 1 }) : g.op(op, [x], { axes, keepdims: 1 });
}
