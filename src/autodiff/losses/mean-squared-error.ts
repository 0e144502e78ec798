import type { Loss } from "./loss.ts";

/** Mean squared error over examples and outputs: L = (1/NK) Σ (z − t)². */
export const meanSquaredError: Loss = {
  doc: "regression, or squared error against one-hot labels",
  build(g, logits, targets) {
    const difference = g.sub(logits, targets);
    const [n = 1, k = 1] = g.shape(logits);
    return g.scale(g.reduceSum(g.mul(difference, difference), [0, 1], false), 1 / (n * k));
  },
};
