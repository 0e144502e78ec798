import type { Builder } from "../../graph/builder.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { axesFrom } from "../axes.ts";
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
  const right = needs[0] && bShape.length === 1 ? g.reshape(b, [bShape[0]!, 1]) : b;
  const batch = g.shape(dy).slice(0, g.rank(dy) - (aShape.length > 1 ? 1 : 0) - (bShape.length > 1 ? 1 : 0));
  const inner = aShape.at(-1)!;
  const rows = aShape.length === 1 ? 1 : aShape.at(-2)!;
  const columns = bShape.length === 1 ? 1 : bShape.at(-1)!;
  const grad = g.reshape(dy, [...batch, rows, columns]);
  if (bShape.length <= 2) return oneMatrix(g, a, right, grad, [inner, columns], bShape, needs);
  return [
    needs[0] ? asVector(g, product(g, grad, right, { transposeB: true }), aShape) : undefined,
    needs[1] ? asVector(g, product(g, asMatrix(g, a), grad, { transposeA: true }), bShape) : undefined,
  ];
};

/** All rows of all batches at once: A as [R, K], dy as [R, N]. */
function oneMatrix(
  g: Builder,
  a: string,
  right: string,
  grad: string,
  [inner, columns]: readonly [number, number],
  bShape: readonly number[],
  needs: readonly boolean[],
): (string | undefined)[] {
  const aShape = g.shape(a);
  const count = sizeOf(aShape) / inner;
  const flat = g.reshape(grad, [count, columns]);
  return [
    needs[0] ? g.reshape(product(g, flat, right, { transposeB: true }), aShape) : undefined,
    needs[1]
      ? g.reshape(product(g, g.reshape(a, [count, inner]), flat, { transposeA: true }), bShape)
      : undefined,
  ];
}

/** A vector as a matrix of one row. */
function asMatrix(g: Builder, a: string): string {
  const shape = g.shape(a);
  return shape.length === 1 ? g.reshape(a, [1, shape[0]!]) : a;
}

/** The gradient of a vector operand, which stood for a matrix in every batch: batches are summed. */
function asVector(g: Builder, value: string, shape: readonly number[]): string {
  if (shape.length > 1) return value;
  return g.reshape(g.reduceSum(value, axesFrom(0, g.rank(value) - 2), false), shape);
}
