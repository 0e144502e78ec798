import { floatAttr } from "../../graph/graph.ts";
import { keepWhere } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = clip(αx + β, 0, 1) (α = 0.2, β = 0.5 unless given); dx = α · dy where 0 < y < 1. All of one shape. */
export const hardSigmoid: GradientRule = ({ node, x: [x = ""], y: [y = ""], dy: [dy = ""], g }) => {
  const above = g.op("Greater", [y, g.scalar(0, g.dtype(x))]);
  const below = g.op("Less", [y, g.scalar(1, g.dtype(x))]);
  return [keepWhere(g, g.op("And", [above, below]), g.scale(dy, floatAttr(node, "alpha", 0.2)))];
};
