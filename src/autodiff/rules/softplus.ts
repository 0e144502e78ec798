import type { GradientRule } from "../rule.ts";

/** y = ln(1 + eˣ), dx = dy · sigmoid(x). All of one shape. */
export const softplus: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [
  g.mul(dy, g.op("Sigmoid", [x])),
];
