import { reductionOf } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = Σ x² over the axes; dx = 2 · dy · x.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceSumSquare: GradientRule = (context) => {
  const {
    x: [x = ""],
    dy: [dy = ""],
    g,
  } = context;
  return [g.mul(x, g.reshape(g.scale(dy, 2), reductionOf(context).kept))];
};
