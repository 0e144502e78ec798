import { floatAttr, intAttr } from "../../../src/graph/graph.ts";
import { sizeOf } from "../../../src/tensor/tensor.ts";
import {
  broadcastOffset,
  empty,
  forEachIndex,
  front,
  type Kernel,
  need,
  stridesOf,
  type Value,
} from "./value.ts";

/** Mean and population variance of the numbers of x that share a group. */
function moments(
  x: Value,
  groups: number,
  groupOf: (index: readonly number[]) => number,
): { mean: Float64Array; variance: Float64Array } {
  const mean = new Float64Array(groups);
  const variance = new Float64Array(groups);
  const count = x.data.length / groups;
  forEachIndex(x.shape, (index, flat) => {
    mean[groupOf(index)]! += x.data[flat]! / count;
  });
  forEachIndex(x.shape, (index, flat) => {
    const group = groupOf(index);
    variance[group]! += (x.data[flat]! - mean[group]!) ** 2 / count;
  });
  return { mean, variance };
}

function normalized(
  x: Value,
  groupOf: (index: readonly number[]) => number,
  mean: Float64Array,
  variance: Float64Array,
  epsilon: number,
  affine: (number: number, index: readonly number[]) => number,
): Value {
  const y = empty(x.dtype, x.shape);
  forEachIndex(x.shape, (index, flat) => {
    const group = groupOf(index);
    y.data[flat] = affine((x.data[flat]! - mean[group]!) / Math.sqrt(variance[group]! + epsilon), index);
  });
  return y;
}

const batchNormalization: Kernel = ([input, scale, bias, runningMean, runningVariance], { node }) => {
  const x = need(input);
  const channels = x.shape[1]!;
  const epsilon = floatAttr(node, "epsilon", 1e-5);
  const channel = (index: readonly number[]): number => index[1]!;
  const affine = (number: number, index: readonly number[]): number =>
    number * need(scale).data[index[1]!]! + need(bias).data[index[1]!]!;
  if (intAttr(node, "training_mode", 0) === 0) {
    return [normalized(x, channel, need(runningMean).data, need(runningVariance).data, epsilon, affine)];
  }
  const { mean, variance } = moments(x, channels, channel);
  const keep = floatAttr(node, "momentum", 0.9);
  const next = (running: Value, now: Float64Array): Value => ({
    ...running,
    data: running.data.map((number, i) => keep * number + (1 - keep) * now[i]!),
  });
  return [
    normalized(x, channel, mean, variance, epsilon, affine),
    next(need(runningMean), mean),
    next(need(runningVariance), variance),
  ];
};

const layerNormalization: Kernel = ([input, scale, bias], { node }) => {
  const x = need(input);
  const axis = front(intAttr(node, "axis", -1), x.shape.length);
  const outer = x.shape.slice(0, axis);
  const strides = stridesOf(outer);
  const row = (index: readonly number[]): number => strides.reduce((at, step, i) => at + step * index[i]!, 0);
  const { mean, variance } = moments(x, sizeOf(outer), row);
  const epsilon = floatAttr(node, "epsilon", 1e-5);
  const w = need(scale);
  const at = (v: Value, index: readonly number[]): number =>
    v.data[broadcastOffset(index, v.shape, stridesOf(v.shape))]!;
  const y = normalized(
    x,
    row,
    mean,
    variance,
    epsilon,
    (number, index) => number * at(w, index) + (bias ? at(bias, index) : 0),
  );
  const shape = x.shape.map((size, i) => (i < axis ? size : 1));
  const rate = variance.map((number) => 1 / Math.sqrt(number + epsilon));
  return [y, { dtype: x.dtype, shape, data: mean }, { dtype: x.dtype, shape, data: rate }];
};

/** Groups of channels of each example: as many groups as channels for InstanceNormalization. */
function grouped(x: Value, groups: number, scale: Value, bias: Value, epsilon: number): Value {
  const [n = 1, c = 1] = x.shape;
  const group = (index: readonly number[]): number =>
    index[0]! * groups + Math.floor(index[1]! / (c / groups));
  const { mean, variance } = moments(x, n * groups, group);
  const per = (v: Value, index: readonly number[]): number =>
    v.data[v.data.length === c ? index[1]! : Math.floor(index[1]! / (c / groups))]!;
  return normalized(
    x,
    group,
    mean,
    variance,
    epsilon,
    (number, index) => number * per(scale, index) + per(bias, index),
  );
}

/** Normalisations. */
export const normalization: Record<string, Kernel> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: ([x, scale, bias], { node }) => [
    grouped(need(x), need(x).shape[1]!, need(scale), need(bias), floatAttr(node, "epsilon", 1e-5)),
  ],
  GroupNormalization: ([x, scale, bias], { node }) => [
    grouped(
      need(x),
      intAttr(node, "num_groups", 1),
      need(scale),
      need(bias),
      floatAttr(node, "epsilon", 1e-5),
    ),
  ],
};
