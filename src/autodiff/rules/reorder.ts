import { blockedDomain } from "../../graph/blocked.ts";
import type { GradientRule } from "../rule.ts";

/** Plain → blocked layout only moves numbers, so its gradient moves them back. x, dy: [N, C, H, W]. */
export const reorderInput: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [
  g.op("ReorderOutput", [dy], { channels: g.shape(x)[1]! }, { domain: blockedDomain }),
];

/** Blocked → plain layout; the gradient is blocked again. x, dy: [N, C, H, W]. */
export const reorderOutput: GradientRule = ({ dy: [dy = ""], g }) => [
  g.op("ReorderInput", [dy], {}, { domain: blockedDomain }),
];
