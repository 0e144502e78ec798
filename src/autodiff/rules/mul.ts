import type { GradientRule } from "../rule.ts";

/** y = a · b; da = dy · b, db = dy · a. Shapes broadcast. A square costs one product. */
export const mul: GradientRule = ({ x: [a = "", b = ""], dy: [dy = ""], needs, g }) => {
  if (a === b) return [g.scale(g.mul(dy, a), 2), undefined];
  return [needs[0] ? g.mul(dy, b) : undefined, needs[1] ? g.mul(dy, a) : undefined];
};
