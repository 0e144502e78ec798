import { ScopeError } from "../../base/error.ts";
import { floatAttr, intAttr } from "../../graph/graph.ts";
import { axesFrom, fromFront } from "../axes.ts";
import { centre, type Normal, throughNormal } from "../normal.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = scale · x̂ + bias, x̂ = (x − mean) · r over the axes from `axis` on, r = 1/√(variance + ε).
 * dx = r · (u − mean of u − x̂ · mean of u · x̂) with u = dy · scale; dscale = Σ dy · x̂; dbias = Σ dy.
 * Takes mean and r from the node's own outputs where it has them.
 * x, y: any shape; scale, bias broadcast to it. Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450.
 */
export const layerNormalization: GradientRule = ({
  node,
  x: [x = "", scale = "", bias],
  y,
  dy: [dy, ...statistics],
  needs,
  g,
}) => {
  if (dy === undefined || statistics.some((value) => value !== undefined)) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "LayerNormalization" (node "${node.name}") through its statistics`,
    );
  }
  const rank = g.rank(x);
  const axes = axesFrom(fromFront(intAttr(node, "axis", -1), rank), rank);
  const [, mean, rate] = y;
  const given = mean && rate && g.dtype(mean) === g.dtype(x);
  const normal: Normal | undefined =
    needs[0] || needs[1]
      ? given
        ? { value: g.mul(g.sub(x, mean), rate), rate }
        : centre(g, x, axes, floatAttr(node, "epsilon", 1e-5))
      : undefined;
  return [
    normal && needs[0] ? throughNormal(g, normal, g.mul(dy, scale), axes) : undefined,
    normal && needs[1] ? g.mul(dy, normal.value) : undefined,
    bias && needs[2] ? dy : undefined,
  ];
};
