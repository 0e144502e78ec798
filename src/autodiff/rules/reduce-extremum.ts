import { reductionOf } from "../axes.ts";
import { isZero } from "../pieces.ts";
import type { GradientContext, GradientRule } from "../rule.ts";

/** dy where x equals the extremum, shared evenly among equals. */
function shares(context: GradientContext, below: boolean): string[] {
  const {
    x: [x = ""],
    y: [y = ""],
    dy: [dy = ""],
    g,
  } = context;
  const { axes, kept } = reductionOf(context);
  const extremum = g.reshape(y, kept);
  const mask = isZero(g, below ? g.sub(x, extremum) : g.sub(extremum, x));
  return [g.mul(mask, g.div(g.reshape(dy, kept), g.reduceSum(mask, axes, true)))];
}

/**
 * y = the largest of x along the axes; dx = dy there, shared evenly among equals.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
export const reduceMax: GradientRule = (context) => shares(context, true);

/** y = the smallest of x along the axes. See reduceMax. */
export const reduceMin: GradientRule = (context) => shares(context, false);
