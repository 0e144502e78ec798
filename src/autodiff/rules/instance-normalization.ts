import { floatAttr } from "../../graph/graph.ts";
import { axesFrom } from "../axes.ts";
import { centre, throughNormal } from "../normal.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = scale · x̂ + bias, x̂ = x normalised over each image of each channel. See layerNormalization for the gradient.
 * x, y: [N, C, …]; scale, bias: [C]. Source: Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022.
 */
export const instanceNormalization: GradientRule = ({
  node,
  x: [x = "", scale = ""],
  dy: [dy = ""],
  needs,
  g,
}) => {
  const shape = g.shape(x);
  const image = axesFrom(2, shape.length);
  const perChannel = shape.slice(1).map((size, axis) => (axis === 0 ? size : 1));
  const normal = centre(g, x, image, floatAttr(node, "epsilon", 1e-5));
  const sum = (value: string): string => g.reduceSum(value, [0, ...image], false);
  return [
    needs[0] ? throughNormal(g, normal, g.mul(dy, g.reshape(scale, perChannel)), image) : undefined,
    needs[1] ? sum(g.mul(dy, normal.value)) : undefined,
    needs[2] ? sum(dy) : undefined,
  ];
};
