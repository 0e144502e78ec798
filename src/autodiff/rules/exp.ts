import type { GradientRule } from "../rule.ts";

/** y = eˣ, dx = dy · y. All of one shape. */
export const exp: GradientRule = ({ y: [y = ""], dy: [dy = ""], g }) => [g.mul(dy, y)];
