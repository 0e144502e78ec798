import type { GradientRule } from "../rule.ts";

/** The upper or lower triangle of matrices [..., M, N], 0 elsewhere; dx is that triangle of dy. */
export const trilu: GradientRule = ({ node, x: [, k], dy: [dy = ""], g }) => [
  g.op("Trilu", k ? [dy, k] : [dy], node.attributes),
];
