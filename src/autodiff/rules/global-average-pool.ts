import { sizeOf } from "../../tensor/tensor.ts";
import type { GradientRule } from "../rule.ts";

/** y = the mean of each image; dx = dy / pixels everywhere. x: [N, C, image…], y, dy: [N, C, 1…]. */
export const globalAveragePool: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [
  g.scale(dy, 1 / sizeOf(g.shape(x).slice(2))),
];
