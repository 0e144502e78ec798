import { float } from "../../../src/graph/builder.ts";
import type { Draw } from "../../kit/draw.ts";
import { type CaseInput, cases, maybe, wrt } from "../gradient-case.ts";

/** Batch sizes of two operands that broadcast. */
function batches(d: Draw): [number[], number[]] {
  const batch = d.shape(d.int(0, 2), 3);
  return d.bool() ? [batch, d.broadcastable(batch)] : [d.broadcastable(batch), batch];
}

function pair(d: Draw, a: readonly number[], b: readonly number[]): CaseInput[] {
  const inputs = [wrt(d.normal(a)), maybe(d, d.normal(b))];
  return d.bool() ? inputs : [maybe(d, d.normal(a)), wrt(d.normal(b))];
}

export const matMul = cases((d) => {
  const [m = 1, k = 1, n = 1] = d.shape(3);
  const [p, q] = batches(d);
  const kind = d.pick(["matrices", "matrices", "matrices", "row", "column", "dot"] as const);
  if (kind === "row") return { inputs: pair(d, [k], [...q, k, n]) };
  if (kind === "column") return { inputs: pair(d, [...p, m, k], [k]) };
  if (kind === "dot") return { inputs: pair(d, [k], [k]) };
  return { inputs: pair(d, [...p, m, k], [...q, k, n]) };
});

export const fusedMatMul = cases((d) => {
  const [m = 1, k = 1, n = 1] = d.shape(3);
  const [p, q] = batches(d);
  const [transA, transB] = [d.int(0, 1), d.int(0, 1)];
  return {
    inputs: pair(d, [...p, ...(transA ? [k, m] : [m, k])], [...q, ...(transB ? [n, k] : [k, n])]),
    attributes: { transA, transB, ...(d.bool() ? { alpha: float(1.5) } : {}) },
  };
});

export const gemm = cases((d) => {
  const [m = 1, k = 1, n = 1] = d.shape(3);
  const [transA, transB] = [d.int(0, 1), d.int(0, 1)];
  const inputs = pair(d, transA ? [k, m] : [m, k], transB ? [n, k] : [k, n]);
  if (d.bool()) inputs.push(wrt(d.normal(d.broadcastable([m, n]))));
  const factors = d.bool() ? { alpha: float(0.5), beta: float(-2) } : {};
  return { inputs, attributes: { transA, transB, ...factors } };
});

export const einsum = cases((d) => {
  const [a = 1, b = 1, c = 1, e = 1, f = 1] = d.shape(5, 3);
  const sizes: Record<string, number> = { a, b, c, e, f };
  const equation = d.pick([
    "ab,bc->ac",
    "ab,bc",
    "eab,ebc->eac",
    "abc,abe->ce",
    "ab->ba",
    "ab->a",
    "abc->",
    "a,b->ab",
    "ab,ab->",
    "ab,bc,ce->ae",
    "abce,abfe->abcf",
    "ab,b->a",
    "abc,ce->b",
  ]);
  const operands = equation.split("->")[0]!.split(",");
  const inputs = operands.map((letters, i) => {
    const x = d.normal(letters.split("").map((letter) => sizes[letter]!));
    return i === 0 ? wrt(x) : maybe(d, x);
  });
  return { inputs, attributes: { equation } };
});
