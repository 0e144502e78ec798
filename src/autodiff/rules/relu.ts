import type { GradientRule } from "../rule.ts";

/** y = max(x, 0), dx = dy · sign(y), because y ≥ 0; 0 at the kink. All of one shape. */
export const relu: GradientRule = ({ y: [y = ""], dy: [dy = ""], g }) => [g.mul(dy, g.op("Sign", [y]))];
