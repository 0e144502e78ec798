import { reductionOf } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = ln Σ eˣ over the axes; dx = dy · e^(x − y).
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceLogSumExp: GradientRule = (context) => {
  const {
    x: [x = ""],
    y: [y = ""],
    dy: [dy = ""],
    g,
  } = context;
  const { kept } = reductionOf(context);
  return [g.mul(g.op("Exp", [g.sub(x, g.reshape(y, kept))]), g.reshape(dy, kept))];
};
