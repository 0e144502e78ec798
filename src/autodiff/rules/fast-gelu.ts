import { tanhGeluSlope } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** com.microsoft.FastGelu: y = tanh-approximated Gelu of x + bias. x, y: [..., H]; bias (optional): [H]. */
export const fastGelu: GradientRule = ({ x: [x = "", bias], dy: [dy = ""], g }) => {
  const slope = g.mul(dy, tanhGeluSlope(g, bias ? g.plus(x, bias) : x));
  return bias ? [slope, slope] : [slope];
};
