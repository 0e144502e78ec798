import type { GradientRule } from "../rule.ts";

/** y = 1/x, dx = −dy · y². All of one shape. */
export const reciprocal: GradientRule = ({ y: [y = ""], dy: [dy = ""], g }) => [
  g.neg(g.mul(dy, g.mul(y, y))),
];
