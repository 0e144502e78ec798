import type { GradientRule } from "../rule.ts";

/** y = a + b; da = db = dy. Shapes broadcast. */
export const add: GradientRule = ({ dy: [dy = ""] }) => [dy, dy];
