import { keepWhere } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = x · clip(x/6 + 1/2, 0, 1); dx = dy · (x/3 + 1/2) between −3 and 3, 0 below, dy above. All of one shape. */
export const hardSwish: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => {
  const dtype = g.dtype(x);
  const between = g.mul(dy, g.plus(g.scale(x, 1 / 3), g.scalar(0.5, dtype)));
  const below = keepWhere(g, g.op("Greater", [x, g.scalar(-3, dtype)]), between);
  return [g.op("Where", [g.op("Less", [x, g.scalar(3, dtype)]), below, dy])];
};
