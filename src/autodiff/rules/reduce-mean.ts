import { reductionOf } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = the mean of n numbers along the axes; dx = dy / n, spread over them.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceMean: GradientRule = (context) => {
  const {
    dy: [dy = ""],
    g,
  } = context;
  const { kept, count } = reductionOf(context);
  return [g.scale(g.reshape(dy, kept), 1 / count)];
};
