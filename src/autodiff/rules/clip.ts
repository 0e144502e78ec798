import { keepWhere } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = min(max(x, low), high); dx = dy where low < x < high, dlow and dhigh = dy where they cut.
 * x, y: one shape; low, high (optional): scalars.
 */
export const clip: GradientRule = ({ x: [x = "", low, high], dy: [dy = ""], needs, g }) => {
  const above = low ? g.op("Greater", [x, low]) : undefined;
  const below = high ? g.op("Less", [x, high]) : undefined;
  const inside = above && below ? g.op("And", [above, below]) : (above ?? below);
  return [
    needs[0] ? (inside ? keepWhere(g, inside, dy) : dy) : undefined,
    needs[1] && above ? keepWhere(g, g.op("Not", [above]), dy) : undefined,
    needs[2] && below ? keepWhere(g, g.op("Not", [below]), dy) : undefined,
  ];
};
