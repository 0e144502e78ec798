import { stringAttr } from "../../graph/graph.ts";
import { tanhGeluSlope } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = x · Φ(x), Φ the standard normal distribution function; dx = dy · (Φ(x) + x · φ(x)).
 * With approximate = "tanh": y = x/2 · (1 + tanh u), u = √(2/π) · (x + 0.044715x³), and its own exact derivative.
 * All of one shape. Source: Hendrycks and Gimpel 2016, arXiv:1606.08415.
 */
export const gelu: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => {
  if (stringAttr(node, "approximate", "none") === "tanh") return [g.mul(dy, tanhGeluSlope(g, x))];
  const dtype = g.dtype(x);
  const below = g.scale(g.plus(g.op("Erf", [g.scale(x, Math.SQRT1_2)]), g.scalar(1, dtype)), 0.5);
  const density = g.scale(g.op("Exp", [g.scale(g.mul(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI));
  return [g.mul(dy, g.plus(below, g.mul(x, density)))];
};
