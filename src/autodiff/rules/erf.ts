import type { GradientRule } from "../rule.ts";

/** y = erf x, dx = dy · 2/√π · e^(−x²). All of one shape. */
export const erf: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [
  g.mul(dy, g.scale(g.op("Exp", [g.neg(g.mul(x, x))]), 2 / Math.sqrt(Math.PI))),
];
