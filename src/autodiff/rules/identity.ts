import type { GradientRule } from "../rule.ts";

/** y = x, dx = dy. All of one shape. */
export const identity: GradientRule = ({ dy: [dy = ""] }) => [dy];
