import { floatAttr } from "../../graph/graph.ts";
import { isPositive } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = γx for x > 0, γα(eˣ − 1) otherwise; dx = γ · dy or dy · (y + γα). All of one shape. */
export const selu: GradientRule = ({ node, x: [x = ""], y: [y = ""], dy: [dy = ""], g }) => {
  // The constants of Klambauer et al. 2017, arXiv:1706.02515, as the ONNX specification rounds them.
  const alpha = floatAttr(node, "alpha", 1.67326319217681884765625);
  const gamma = floatAttr(node, "gamma", 1.05070102214813232421875);
  const below = g.mul(dy, g.plus(y, g.scalar(gamma * alpha, g.dtype(x))));
  return [g.op("Where", [isPositive(g, x), g.scale(dy, gamma), below])];
};
