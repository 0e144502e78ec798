import type { GradientRule } from "../rule.ts";

/** y = −x, dx = −dy. All of one shape. */
export const neg: GradientRule = ({ dy: [dy = ""], g }) => [g.neg(dy)];
