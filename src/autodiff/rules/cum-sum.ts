import { intAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/** Running sums along an axis; dx = running sums of dy from the other end. All of one shape. */
export const cumSum: GradientRule = ({ node, x: [, axis = ""], dy: [dy = ""], g }) => [
  g.op("CumSum", [dy, axis], {
    exclusive: intAttr(node, "exclusive", 0),
    reverse: 1 - intAttr(node, "reverse", 0),
  }),
];
