import type { GradientRule } from "../rule.ts";

/** y = the mean of n inputs; each gets dy / n. Shapes broadcast. */
export const mean: GradientRule = ({ x, dy: [dy = ""], g }) => {
  const share = g.scale(dy, 1 / x.length);
  return x.map(() => share);
};
