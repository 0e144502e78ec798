import { zeroLike } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** y = a where the condition holds, b elsewhere; da and db are dy where they were taken, else 0. Shapes broadcast. */
export const where: GradientRule = ({ x: [condition = ""], dy: [dy = ""], needs, g }) => [
  undefined,
  needs[1] ? g.op("Where", [condition, dy, zeroLike(g, dy)]) : undefined,
  needs[2] ? g.op("Where", [condition, zeroLike(g, dy), dy]) : undefined,
];
