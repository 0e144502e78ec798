import { reductionOf } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = ln Σ x over the axes; dx = dy · e⁻ʸ.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceLogSum: GradientRule = (context) => {
  const {
    y: [y = ""],
    dy: [dy = ""],
    g,
  } = context;
  return [g.reshape(g.mul(dy, g.op("Exp", [g.neg(y)])), reductionOf(context).kept)];
};
