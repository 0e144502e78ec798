import type { GradientRule } from "../rule.ts";

/** y = cos x, dx = −dy · sin x. All of one shape. */
export const cos: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [g.neg(g.mul(dy, g.op("Sin", [x])))];
