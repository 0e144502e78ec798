import type { Loss } from "./loss.ts";

/**
 * Binary cross-entropy on logits, averaged over examples and labels:
 *
 *     L = (1/NK) Σ softplus(z) − t·z
 *
 * which is −t log σ(z) − (1−t) log(1−σ(z)) without overflow.
 */
export const binaryCrossEntropy: Loss = {
  doc: "several independent yes/no labels per example",
  build(g, logits, targets) {
    const perLabel = g.sub(g.op("Softplus", [logits]), g.mul(targets, logits));
    const [n = 1, k = 1] = g.shape(logits);
    return g.scale(g.reduceSum(perLabel, [0, 1], false), 1 / (n * k));
  },
};
