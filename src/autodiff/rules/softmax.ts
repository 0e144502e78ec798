import { intAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/** y = eˣ / Σ eˣ over the axis; dx = y · (dy − Σ y · dy). All of one shape. Reuses y. */
export const softmax: GradientRule = ({ node, y: [y = ""], dy: [dy = ""], g }) => {
  const product = g.mul(y, dy);
  return [g.sub(product, g.mul(y, g.reduceSum(product, [intAttr(node, "axis", -1)], true)))];
};
