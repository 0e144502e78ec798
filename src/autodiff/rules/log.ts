import type { GradientRule } from "../rule.ts";

/** y = ln x, dx = dy / x. All of one shape. */
export const log: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [g.div(dy, x)];
