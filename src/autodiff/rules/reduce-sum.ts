import { reductionOf } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = Σ x over the axes; dx = dy, spread over them.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceSum: GradientRule = (context) => {
  const {
    dy: [dy = ""],
    g,
  } = context;
  return [g.reshape(dy, reductionOf(context).kept)];
};
