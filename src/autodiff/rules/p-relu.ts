import { isPositive } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = x for x > 0, slope · x otherwise; dx = dy or slope · dy, dslope = dy · min(x, 0).
 * x, y: one shape; slope broadcasts to it.
 */
export const pRelu: GradientRule = ({ x: [x = "", slope = ""], dy: [dy = ""], needs, g }) => [
  needs[0] ? g.op("Where", [isPositive(g, x), dy, g.mul(dy, slope)]) : undefined,
  needs[1] ? g.mul(dy, g.op("Min", [x, g.scalar(0, g.dtype(x))])) : undefined,
];
