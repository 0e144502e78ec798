import type { Builder } from "../graph/builder.ts";

/**
 * A matrix product A·B with either operand transposed, over batches of matrices.
 * a: [..., M, K], b: [..., K, N] (as they are after transposing), result: [..., M, N]. Batch sizes broadcast.
 *
 * float32 uses ONNX Runtime's FusedMatMul, which transposes inside the product; other types transpose first.
 */
export function product(
  g: Builder,
  a: string,
  b: string,
  options: { transposeA?: boolean; transposeB?: boolean; alpha?: number } = {},
): string {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  if (g.dtype(a) === "float32" && (transposeA || transposeB)) {
    const attributes = {
      transA: transposeA ? 1 : 0,
      transB: transposeB ? 1 : 0,
      alpha: { type: "float", value: alpha } as const,
    };
    return g.op("FusedMatMul", [a, b], attributes);
  }
  return g.scale(g.matmul(transposeA ? turned(g, a) : a, transposeB ? turned(g, b) : b), alpha);
}

function turned(g: Builder, x: string): string {
  const axes = g.shape(x).map((_, i) => i);
  const last = axes.length - 1;
  return g.transpose(x, [...axes.slice(0, -2), last, last - 1]);
}
