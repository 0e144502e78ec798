import type { Optimizer } from "./optimizer.ts";

/**
 * Stochastic gradient descent with (Nesterov) momentum m and weight decay λ in the gradient, as PyTorch defines it:
 *
 *     g ← ∇L + λθ;   v ← m v + g;   θ ← θ − η (nesterov ? g + m v : v)
 *
 * Source: Sutskever et al. 2013. The learning rate η multiplies the velocity, so a change of η acts at once.
 */
export const sgd: Optimizer = {
  doc: "stochastic gradient descent with momentum",
  slots: ["velocity"],
  update({ g, theta, gradient, slots: [velocity = ""], rate, decay }, { momentum, nesterov }) {
    const full = decay === undefined ? gradient : g.plus(gradient, g.mul(theta, decay));
    if (momentum === 0)
      return { theta: g.sub(theta, g.mul(full, rate)), slots: [g.op("Identity", [velocity])] };
    const next = g.plus(g.scale(velocity, momentum), full);
    const direction = nesterov ? g.plus(full, g.scale(next, momentum)) : next;
    return { theta: g.sub(theta, g.mul(direction, rate)), slots: [next] };
  },
};
