import { reductionOf } from "../axes.ts";
import { cast } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * ReduceMax and ReduceMin: dx = dy where x equals the extremum, shared evenly among equals.
 * x: any shape; y, dy: without the reduced axes (or with size 1 there).
 */
const reduceExtremum: GradientRule = (context) => {
  const {
    x: [x = ""],
    y: [y = ""],
    dy: [dy = ""],
    g,
  } = context;
  const { axes, kept } = reductionOf(context);
  const mask = cast(g, g.op("Equal", [x, g.reshape(y, kept)]), g.dtype(x));
  return [g.mul(mask, g.div(g.reshape(dy, kept), g.reduceSum(mask, axes, true)))];
};

/** y = the largest of x along the axes. */
export const reduceMax = reduceExtremum;

/** y = the smallest of x along the axes. */
export const reduceMin = reduceExtremum;
