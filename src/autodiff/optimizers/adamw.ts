import type { Optimizer } from "./optimizer.ts";

/**
 * Adam with decoupled weight decay:
 *
 *     m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;
 *     θ ← θ(1 − ηλ) − η · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)
 *
 * Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2 (without the schedule multiplier).
 */
export const adamw: Optimizer = {
  doc: "Adam with decoupled weight decay",
  slots: ["mean", "variance"],
  update(
    { g, theta, gradient, slots: [mean = "", variance = ""], rate, decay, step },
    { beta1, beta2, epsilon },
  ) {
    const m = g.plus(g.scale(mean, beta1), g.scale(gradient, 1 - beta1));
    const v = g.plus(g.scale(variance, beta2), g.mul(g.scale(gradient, 1 - beta2), gradient));
    const one = g.scalar(1);
    const correction1 = g.sub(one, g.op("Pow", [g.scalar(beta1), step]));
    const correction2 = g.sub(one, g.op("Pow", [g.scalar(beta2), step]));
    const spread = g.plus(g.op("Sqrt", [g.div(v, correction2)]), g.scalar(epsilon));
    const direction = g.div(g.div(m, correction1), spread);
    const shrunk = decay === undefined ? theta : g.sub(theta, g.mul(g.mul(theta, decay), rate));
    return { theta: g.sub(shrunk, g.mul(direction, rate)), slots: [m, v] };
  },
};
