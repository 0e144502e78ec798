import { intAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/** y = x − ln Σ eˣ over the axis; dx = dy − eʸ · Σ dy. All of one shape. */
export const logSoftmax: GradientRule = ({ node, y: [y = ""], dy: [dy = ""], g }) => [
  g.sub(dy, g.mul(g.op("Exp", [y]), g.reduceSum(dy, [intAttr(node, "axis", -1)], true))),
];
