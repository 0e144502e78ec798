import type { GradientRule } from "../rule.ts";

/** y = sin x, dx = dy · cos x. All of one shape. */
export const sin: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [g.mul(dy, g.op("Cos", [x]))];
