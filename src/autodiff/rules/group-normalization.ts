import { floatAttr, intAttr } from "../../graph/graph.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { axesFrom } from "../axes.ts";
import { centre, throughNormal } from "../normal.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = scale · x̂ + bias, x̂ = x normalised over each group of channels of each image. See layerNormalization.
 * x, y: [N, C, …]; scale, bias: [C], or [groups] in opset 18 to 20. Source: Wu and He 2018, arXiv:1803.08494.
 */
export const groupNormalization: GradientRule = ({
  node,
  x: [x = "", scale = ""],
  dy: [dy = ""],
  needs,
  g,
}) => {
  const shape = g.shape(x);
  const [n = 1, c = 1] = shape;
  const groups = intAttr(node, "num_groups", 1);
  const pixels = sizeOf(shape.slice(2));
  const grouped = [n, groups, c / groups, pixels];
  const each = g.shape(scale);
  const weights = g.reshape(scale, each[0] === c ? [1, groups, c / groups, 1] : [1, groups, 1, 1]);
  const grad = g.reshape(dy, grouped);
  const normal = centre(g, g.reshape(x, grouped), axesFrom(2, 4), floatAttr(node, "epsilon", 1e-5));
  const sum = (value: string): string =>
    g.reshape(g.reduceSum(value, each[0] === c ? [0, 3] : [0, 2, 3], false), each);
  return [
    needs[0] ? g.reshape(throughNormal(g, normal, g.mul(grad, weights), [2, 3]), shape) : undefined,
    needs[1] ? sum(g.mul(grad, normal.value)) : undefined,
    needs[2] ? sum(grad) : undefined,
  ];
};
