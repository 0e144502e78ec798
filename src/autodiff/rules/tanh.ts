import type { GradientRule } from "../rule.ts";

/** y = tanh x, dx = dy · (1 − y²). All of one shape. */
export const tanh: GradientRule = ({ y: [y = ""], dy: [dy = ""], g }) => [
  g.mul(dy, g.sub(g.scalar(1, g.dtype(y)), g.mul(y, y))),
];
