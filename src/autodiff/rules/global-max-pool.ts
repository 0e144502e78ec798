import { axesFrom } from "../axes.ts";
import { isZero } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = the largest pixel of each image; dx = dy there, shared among equals. x: [N, C, image…], y, dy: [N, C, 1…]. */
export const globalMaxPool: GradientRule = ({ x: [x = ""], y: [y = ""], dy: [dy = ""], g }) => {
  const mask = isZero(g, g.sub(x, y));
  return [g.mul(mask, g.div(dy, g.reduceSum(mask, axesFrom(2, g.rank(x)), true)))];
};
