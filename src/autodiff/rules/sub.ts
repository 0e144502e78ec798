import type { GradientRule } from "../rule.ts";

/** y = a − b; da = dy, db = −dy. Shapes broadcast. */
export const sub: GradientRule = ({ dy: [dy = ""], needs, g }) => [dy, needs[1] ? g.neg(dy) : undefined];
