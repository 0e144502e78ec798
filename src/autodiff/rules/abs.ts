import type { GradientRule } from "../rule.ts";

/** y = |x|, dx = dy · sign(x); 0 at the kink. All of one shape. */
export const abs: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [g.mul(dy, g.op("Sign", [x]))];
