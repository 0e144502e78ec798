import { reductionOf } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = √(Σ x²) over the axes; dx = dy · x / y, 0 where y = 0.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceL2: GradientRule = (context) => {
  const {
    x: [x = ""],
    y: [y = ""],
    dy: [dy = ""],
    g,
  } = context;
  const zero = g.scalar(0, g.dtype(x));
  const ratio = g.op("Where", [g.op("Equal", [y, zero]), zero, g.div(dy, y)]);
  return [g.mul(x, g.reshape(ratio, reductionOf(context).kept))];
};
