import { ScopeError } from "../../base/error.ts";
import type { Builder } from "../../graph/builder.ts";
import { floatAttr, intAttr, type Node } from "../../graph/graph.ts";
import { axesFrom } from "../axes.ts";
import { centre, throughNormal } from "../normal.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = scale · x̂ + bias per channel, x̂ = (x − mean) / √(variance + ε).
 *
 * Frozen (training_mode 0), mean and variance are inputs: dx = dy · scale · r, r = 1/√(variance + ε); dscale = Σ dy · x̂,
 * dbias = Σ dy, dmean = −scale · r · Σ dy, dvariance = −scale · r²/2 · Σ dy · x̂.
 * In training they are the batch's own, so that dx = scale · r · (dy − mean of dy − x̂ · mean of dy · x̂).
 * `lowerForTraining` makes primitives of the training form; they share the statistics, which this rule takes anew.
 *
 * x, y: [N, C, …]; the others: [C]. Source: Ioffe and Szegedy 2015, arXiv:1502.03167.
 */
export const batchNormalization: GradientRule = (context) => {
  const {
    node,
    x: [x = "", scale = "", , mean = "", variance = ""],
    dy: [dy, ...statistics],
    needs,
    g,
  } = context;
  const training = intAttr(node, "training_mode", 0) === 1;
  if (dy === undefined || statistics.some((value) => value !== undefined)) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "BatchNormalization" (node "${node.name}") through its running statistics`,
    );
  }
  const shape = g.shape(x);
  const over = [0, ...axesFrom(2, shape.length)];
  const perChannel = shape.map((size, axis) => (axis === 1 ? size : 1));
  const wide = (name: string): string => g.reshape(name, perChannel);
  const narrow = (name: string): string => g.reshape(name, [shape[1]!]);
  const total = (value: string): string => g.reduceSum(value, over, true);
  if (training) {
    const wanted = needs[0] || needs[1];
    const normal = wanted ? centre(g, x, over, floatAttr(node, "epsilon", 1e-5)) : undefined;
    return [
      normal && needs[0] ? throughNormal(g, normal, g.mul(dy, wide(scale)), over) : undefined,
      normal && needs[1] ? narrow(total(g.mul(dy, normal.value))) : undefined,
      needs[2] ? narrow(total(dy)) : undefined,
    ];
  }
  const rate = needs[0] || needs[1] || needs[3] || needs[4] ? inverseRoot(g, wide(variance), node) : "";
  const factor = needs[0] || needs[3] || needs[4] ? g.mul(rate, wide(scale)) : "";
  const sum = needs[2] || needs[3] ? total(dy) : "";
  const withNormal = needs[1] || needs[4] ? g.mul(total(g.mul(dy, g.sub(x, wide(mean)))), rate) : "";
  return [
    needs[0] ? g.mul(dy, factor) : undefined,
    needs[1] ? narrow(withNormal) : undefined,
    needs[2] ? narrow(sum) : undefined,
    needs[3] ? narrow(g.neg(g.mul(factor, sum))) : undefined,
    needs[4] ? narrow(g.scale(g.mul(g.mul(factor, rate), withNormal), -0.5)) : undefined,
  ];
};

function inverseRoot(g: Builder, variance: string, node: Node): string {
  return g.op("Reciprocal", [
    g.op("Sqrt", [g.plus(variance, g.scalar(floatAttr(node, "epsilon", 1e-5), g.dtype(variance)))]),
  ]);
}
