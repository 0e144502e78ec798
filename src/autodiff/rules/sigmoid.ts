import type { GradientRule } from "../rule.ts";

/** y = 1/(1 + e⁻ˣ), dx = dy · y(1 − y). All of one shape. */
export const sigmoid: GradientRule = ({ y: [y = ""], dy: [dy = ""], g }) => [
  g.mul(dy, g.mul(y, g.sub(g.scalar(1, g.dtype(y)), y))),
];
