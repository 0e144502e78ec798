import { floatAttr } from "../../graph/graph.ts";
import { isPositive } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = x for x > 0, α(e^(x/α) − 1) otherwise (α = 1 unless given); dx = dy or dy · (y/α + 1). All of one shape. */
export const celu: GradientRule = ({ node, x: [x = ""], y: [y = ""], dy: [dy = ""], g }) => {
  const slope = g.plus(g.scale(y, 1 / floatAttr(node, "alpha", 1)), g.scalar(1, g.dtype(x)));
  return [g.op("Where", [isPositive(g, x), dy, g.mul(dy, slope)])];
};
