import { reductionOf } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = Σ |x| over the axes; dx = dy · sign(x).
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceL1: GradientRule = (context) => {
  const {
    x: [x = ""],
    dy: [dy = ""],
    g,
  } = context;
  return [g.mul(g.op("Sign", [x]), g.reshape(dy, reductionOf(context).kept))];
};
