import type { GradientRule } from "../rule.ts";

/** y = x / (1 + |x|), dx = dy / (1 + |x|)². All of one shape. */
export const softsign: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => {
  const size = g.plus(g.op("Abs", [x]), g.scalar(1, g.dtype(x)));
  return [g.div(dy, g.mul(size, size))];
};
