import { ScopeError } from "../../base/error.ts";
import { floatAttr, intAttr } from "../../graph/graph.ts";
import { product } from "../products.ts";
import type { GradientRule } from "../rule.ts";

/**
 * com.microsoft.FusedMatMul: y = α · A′·B′, where ′ transposes the last two axes if the node says so.
 * A′: [..., M, K], B′: [..., K, N]; batch sizes broadcast.
 */
export const fusedMatMul: GradientRule = ({ node, x: [a = "", b = ""], dy: [dy = ""], needs, g }) => {
  const transA = intAttr(node, "transA", 0) === 1;
  const transB = intAttr(node, "transB", 0) === 1;
  const alpha = floatAttr(node, "alpha", 1);
  const batchwise = intAttr(node, "transBatchA", 0) !== 0 || intAttr(node, "transBatchB", 0) !== 0;
  if (batchwise || g.rank(a) < 2 || g.rank(b) < 2) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "FusedMatMul" (node "${node.name}") with transposed batches or vectors`,
    );
  }
  const da = (): string =>
    transA
      ? product(g, b, dy, { transposeA: transB, transposeB: true, alpha })
      : product(g, dy, b, { transposeB: !transB, alpha });
  const db = (): string =>
    transB
      ? product(g, dy, a, { transposeA: true, transposeB: transA, alpha })
      : product(g, a, dy, { transposeA: !transA, alpha });
  return [needs[0] ? da() : undefined, needs[1] ? db() : undefined];
};
