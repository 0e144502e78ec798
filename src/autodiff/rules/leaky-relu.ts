import { floatAttr } from "../../graph/graph.ts";
import { isPositive } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = x for x > 0, αx otherwise (α = 0.01 unless given); dx = dy or α · dy. All of one shape. */
export const leakyRelu: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => [
  g.op("Where", [isPositive(g, x), dy, g.scale(dy, floatAttr(node, "alpha", 0.01))]),
];
