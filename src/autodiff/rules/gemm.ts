import { float } from "../../graph/builder.ts";
import { floatAttr, intAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = α · A′B′ + β · C, where ′ transposes if the node says so; dA′ = α · dy·B′ᵀ, dB′ = α · A′ᵀ·dy, dC = β · dy.
 * A′: [M, K], B′: [K, N], C broadcasts to [M, N].
 */
export const gemm: GradientRule = ({ node, x: [a = "", b = "", c], dy: [dy = ""], needs, g }) => {
  const transA = intAttr(node, "transA", 0);
  const transB = intAttr(node, "transB", 0);
  const alpha = float(floatAttr(node, "alpha", 1));
  const times = (p: string, q: string, flipP: number, flipQ: number): string =>
    g.op("Gemm", [p, q], { transA: flipP, transB: flipQ, alpha });
  return [
    needs[0] ? (transA ? times(b, dy, transB, 1) : times(dy, b, 0, 1 - transB)) : undefined,
    needs[1] ? (transB ? times(dy, a, 1, transA) : times(a, dy, 1 - transA, 0)) : undefined,
    c && needs[2] ? g.scale(dy, floatAttr(node, "beta", 1)) : undefined,
  ];
};
