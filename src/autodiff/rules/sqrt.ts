import type { GradientRule } from "../rule.ts";

/** y = √x, dx = dy / 2y. All of one shape. */
export const sqrt: GradientRule = ({ y: [y = ""], dy: [dy = ""], g }) => [g.scale(g.div(dy, y), 0.5)];
