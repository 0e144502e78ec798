import { floatAttr } from "../../graph/graph.ts";
import { keepWhere } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = x for x > α, 0 otherwise (α = 1 unless given); dx = dy where x > α. All of one shape. */
export const thresholdedRelu: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => [
  keepWhere(g, g.op("Greater", [x, g.scalar(floatAttr(node, "alpha", 1), g.dtype(x))]), dy),
];
