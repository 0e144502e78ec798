import type { Loss } from "./loss.ts";

/**
 * Softmax cross-entropy with label smoothing ε:
 *
 *     L = −(1/N) Σ_n Σ_k t'[n,k] · log softmax(z[n])_k,   t' = (1 − ε) t + ε/K
 *
 * Source: Szegedy et al. 2016, arXiv:1512.00567, section 7 (smoothing).
 */
export const softmaxCrossEntropy: Loss = {
  doc: "one label per example (or soft labels); logits through a softmax",
  build(g, logits, targets, { labelSmoothing }) {
    const [n = 1, k = 1] = g.shape(logits);
    const smooth =
      labelSmoothing === 0
        ? targets
        : g.plus(g.scale(targets, 1 - labelSmoothing), g.scalar(labelSmoothing / k));
    const logProbabilities = g.op("LogSoftmax", [logits], { axis: -1 });
    return g.scale(g.reduceSum(g.mul(smooth, logProbabilities), [0, 1], false), -1 / n);
  },
};
