import type { GradientRule } from "../rule.ts";

/** y = Σ of all inputs; each gets dy. Shapes broadcast. */
export const sum: GradientRule = ({ x, dy: [dy = ""] }) => x.map(() => dy);
