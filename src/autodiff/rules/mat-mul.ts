import type { Builder } from "../../graph/builder.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { product } from "../products.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = A·B over batches of matrices; dA = dy·Bᵀ, dB = Aᵀ·dy.
 * A: [..., M, K] or [K], B: [..., K, N] or [K]; batch sizes broadcast, and the driver sums over what was spread.
 * When B is one matrix for a whole batch, the sum over the batch is taken inside one large product.
 */
export const matMul: GradientRule = ({ x: [a = "", b = ""], dy: [dy = ""], needs, g }) => {
  const aShape = g.shape(a);
  const bShape = g.shape(b);
  const left = aShape.length === 1 ? g.reshape(a, [1, aShape[0]!]) : a;
  const right = bShape.length === 1 ? g.reshape(b, [bShape[0]!, 1]) : b;
  const batch = g.shape(dy).slice(0, g.rank(dy) - (aShape.length > 1 ? 1 : 0) - (bShape.length > 1 ? 1 : 0));
  const [rows = 1, inner = 1] = g.shape(left).slice(-2);
  const columns = g.shape(right).at(-1)!;
  const grad = g.reshape(dy, [...batch, rows, columns]);
  if (bShape.length <= 2) return oneMatrix(g, left, right, grad, inner, columns, aShape, bShape, needs);
  return [
    needs[0] ? product(g, grad, right, { transposeB: true }) : undefined,
    needs[1] ? product(g, left, grad, { transposeA: true }) : undefined,
  ].map((value, i) => value && asVector(g, value, i === 0 ? aShape : bShape, i));
};

/** All rows of all batches at once: A as [R, K], dy as [R, N]. */
function oneMatrix(
  g: Builder,
  left: string,
  right: string,
  grad: string,
  inner: number,
  columns: number,
  aShape: readonly number[],
  bShape: readonly number[],
  needs: readonly boolean[],
): (string | undefined)[] {
  const count = sizeOf(g.shape(left)) / inner;
  const flat = g.reshape(grad, [count, columns]);
  return [
    needs[0] ? g.reshape(product(g, flat, right, { transposeB: true }), aShape) : undefined,
    needs[1]
      ? g.reshape(product(g, g.reshape(left, [count, inner]), flat, { transposeA: true }), bShape)
      : undefined,
  ];
}

/** The gradient of a vector operand, whose matrix had one row (side 0) or one column (side 1): batches are summed. */
function asVector(g: Builder, value: string, shape: readonly number[], side: number): string {
  if (shape.length > 1) return value;
  const full = g.shape(value);
  const summed = g.reduceSum(value, full.map((_, axis) => axis).slice(0, -2), false);
  return side === 0 || full.length >= 2 ? g.reshape(summed, shape) : summed;
}
