import type { GradientRule } from "../rule.ts";

/** y = a / b; da = dy / b, db = −y · da. Shapes broadcast. */
export const div: GradientRule = ({ x: [, b = ""], y: [y = ""], dy: [dy = ""], needs, g }) => {
  const da = g.div(dy, b);
  return [da, needs[1] ? g.neg(g.mul(y, da)) : undefined];
};
