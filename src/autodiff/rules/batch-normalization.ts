import { ScopeError } from "../../base/error.ts";
import type { Builder } from "../../graph/builder.ts";
import { floatAttr, intAttr } from "../../graph/graph.ts";
import { axesFrom } from "../axes.ts";
import type { GradientContext, GradientRule } from "../rule.ts";

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

  const center = training ? g.reduceMean(x, over, true) : wide(mean);
  const centred = g.sub(x, center);
  const spread = training ? g.reduceMean(g.mul(centred, centred), over, true) : wide(variance);
  const rate = inverseRoot(g, spread, context);
  const factor = g.mul(rate, wide(scale));
  const sum = training || needs[2] || needs[3] ? g.reduceSum(dy, over, true) : "";
  const withNormal =
    training || needs[1] || needs[4] ? g.mul(g.reduceSum(g.mul(dy, centred), over, true), rate) : "";
  const count = shape.reduce((product, size, axis) => (axis === 1 ? product : product * size), 1);

  const dx = (): string => {
    if (!training) return g.mul(dy, factor);
    const along = g.mul(centred, g.scale(g.mul(withNormal, rate), 1 / count));
    return g.mul(g.sub(g.sub(dy, g.scale(sum, 1 / count)), along), factor);
  };
  return [
    needs[0] ? dx() : undefined,
    needs[1] ? narrow(withNormal) : undefined,
    needs[2] ? narrow(sum) : undefined,
    needs[3] && !training ? narrow(g.neg(g.mul(factor, sum))) : undefined,
    needs[4] && !training ? narrow(g.scale(g.mul(g.mul(factor, rate), withNormal), -0.5)) : undefined,
  ];
};

function inverseRoot(g: Builder, variance: string, { node }: GradientContext): string {
  return g.op("Reciprocal", [
    g.op("Sqrt", [g.plus(variance, g.scalar(floatAttr(node, "epsilon", 1e-5), g.dtype(variance)))]),
  ]);
}
