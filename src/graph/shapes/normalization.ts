import { intAttr, type Node } from "../graph.ts";
import type { Known } from "../known.ts";
import {
  axisOf,
  broadcastDims,
  type Inputs,
  mapDim,
  mismatch,
  need,
  show,
  unify,
  wantVector,
} from "./rule.ts";

/** BatchNormalization: x [N, C, …]; scale, bias, mean, variance [C] → x's shape, then statistics [C] when training. */
export function batchNormalization(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  if (x.shape.length < 2) mismatch(node, `the input needs a channel axis, got ${show(x.shape)}`);
  const channels = x.shape[1]!;
  ["scale", "bias", "mean", "variance"].forEach((what, i) =>
    wantVector(node, need(node, inputs, i + 1), channels, what),
  );
  const statistic: Known = {
    dtype: need(node, inputs, 3).dtype,
    shape: [need(node, inputs, 3).shape[0] ?? channels],
  };
  return [{ dtype: x.dtype, shape: x.shape }, statistic, statistic, statistic, statistic];
}

/** LayerNormalization over the axes from `axis` on: Y like x, then mean and 1/σ with those axes of size 1. */
export function layerNormalization(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const axis = axisOf(node, intAttr(node, "axis", -1), x.shape.length);
  for (const i of [1, 2]) {
    const factor = inputs[i];
    if (factor === undefined) continue;
    const joined = broadcastDims(node, [x.shape, factor.shape]);
    joined.forEach((dim, k) =>
      unify(
        node,
        dim,
        x.shape[k] ?? null,
        () =>
          `${i === 1 ? "scale" : "bias"} ${show(factor.shape)} does not fit ${show(x.shape)} from axis ${axis} on`,
      ),
    );
  }
  const statistic: Known = { dtype: "float32", shape: x.shape.map((dim, i) => (i < axis ? dim : 1)) };
  return [{ dtype: x.dtype, shape: x.shape }, statistic, statistic];
}

/** com.microsoft.SkipLayerNormalization: x and skip [N, L, D] → the normalised sum, mean, 1/σ, and the sum itself. */
export function skipLayerNormalization(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const features = x.shape.at(-1) ?? null;
  broadcastDims(node, [x.shape, need(node, inputs, 1).shape]);
  ["gamma", "beta", "bias"].forEach((what, i) => wantVector(node, inputs[i + 2], features, what));
  const statistic: Known = {
    dtype: "float32",
    shape: x.shape.map((dim, i) => (i < x.shape.length - 1 ? dim : 1)),
  };
  const whole: Known = { dtype: x.dtype, shape: x.shape };
  return [whole, statistic, statistic, whole];
}

/** InstanceNormalization: x [N, C, …], scale and bias [C]. */
export function instanceNormalization(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  if (x.shape.length < 3) mismatch(node, `an image needs at least 3 axes, got ${show(x.shape)}`);
  wantVector(node, need(node, inputs, 1), x.shape[1]!, "scale");
  wantVector(node, need(node, inputs, 2), x.shape[1]!, "bias");
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** GroupNormalization: x [N, C, …]; scale and bias have one number a group up to opset 20, one a channel from 21 on. */
export function groupNormalization(node: Node, inputs: Inputs, opset: number): Known[] {
  const x = need(node, inputs, 0);
  if (x.shape.length < 3) mismatch(node, `an image needs at least 3 axes, got ${show(x.shape)}`);
  const groups = intAttr(node, "num_groups", 0);
  const channels = x.shape[1]!;
  if (groups < 1) mismatch(node, `num_groups must be at least 1, got ${groups}`);
  mapDim(channels, (count) =>
    count % groups === 0 ? count : mismatch(node, `${count} channels do not divide into ${groups} groups`),
  );
  const length = opset >= 21 ? channels : groups;
  wantVector(node, need(node, inputs, 1), length, "scale");
  wantVector(node, need(node, inputs, 2), length, "bias");
  return [{ dtype: x.dtype, shape: x.shape }];
}
