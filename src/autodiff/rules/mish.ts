import type { GradientRule } from "../rule.ts";

/** y = x · t with t = tanh(ln(1 + eˣ)); dx = dy · (t + x(1 − t²) · sigmoid(x)). All of one shape. */
export const mish: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => {
  const t = g.op("Tanh", [g.op("Softplus", [x])]);
  const bend = g.sub(g.scalar(1, g.dtype(x)), g.mul(t, t));
  return [g.mul(dy, g.plus(t, g.mul(g.mul(x, bend), g.op("Sigmoid", [x]))))];
};
