import { floatAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/** com.microsoft.QuickGelu: y = x · s, s = sigmoid(αx), α = 1.702; dx = dy · (s + α · y(1 − s)). All of one shape. */
export const quickGelu: GradientRule = ({ node, x: [x = ""], y: [y = ""], dy: [dy = ""], g }) => {
  const alpha = floatAttr(node, "alpha", 1.702);
  const s = g.op("Sigmoid", [g.scale(x, alpha)]);
  return [g.mul(dy, g.plus(s, g.scale(g.mul(y, g.sub(g.scalar(1, g.dtype(x)), s)), alpha)))];
};
