import { ScopeError } from "../../base/error.ts";
import { numbers } from "../../tensor/tensor.ts";
import { cast } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = x · mask / (1 − ratio) in training, y = x otherwise; dx likewise from dy. All of one shape.
 * In training the node must give its mask out; `lower` makes dropout reproducible and needs no such node.
 */
export const dropout: GradientRule = ({ node, x: [, ratio, training], y: [, mask], dy: [dy = ""], g }) => {
  if (!training) return [dy];
  const isTraining = g.value(training);
  if (isTraining !== undefined && numbers(isTraining)[0] === 0) return [dy];
  const known = ratio ? g.value(ratio) : undefined;
  const share = ratio === undefined || ratio === "" ? 0.5 : known && numbers(known)[0];
  if (isTraining === undefined || share === undefined || !mask) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "Dropout" (node "${node.name}"): in training its ratio must be constant and its mask an output`,
      {
        hint: "lower the graph before differentiating it",
      },
    );
  }
  return [g.scale(g.mul(dy, cast(g, mask, g.dtype(dy))), share === 1 ? 0 : 1 / (1 - share))];
};
