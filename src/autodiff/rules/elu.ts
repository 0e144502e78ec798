import { floatAttr } from "../../graph/graph.ts";
import { isPositive } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = x for x > 0, α(eˣ − 1) otherwise (α = 1 unless given); dx = dy or dy · (y + α). All of one shape. */
export const elu: GradientRule = ({ node, x: [x = ""], y: [y = ""], dy: [dy = ""], g }) => {
  const alpha = g.scalar(floatAttr(node, "alpha", 1), g.dtype(x));
  return [g.op("Where", [isPositive(g, x), dy, g.mul(dy, g.plus(y, alpha))])];
};
