import { intAttr } from "../../graph/graph.ts";
import { type Axis, product, sizeOfAxis } from "../atoms.ts";
import { broadcast } from "./elementwise.ts";
import { namedAxis } from "./layout.ts";
import { type Axes, type AxisRule, join, parts } from "./rule.ts";

/** BatchNormalization (as it infers): each channel by itself; its four vectors follow the channels. */
export const batchNormalization: AxisRule = (c) => {
  const x = c.axes(0);
  const channels = x[1]!;
  for (const i of [1, 2, 3, 4]) join(c, channels, c.axes(i)[0]!);
  const vector = [channels];
  const outputs = c.node.outputs.map((_, i) => (i === 0 ? x : vector));
  c.relate({ inputs: [x, vector, vector, vector, vector], outputs, mixed: [x.filter((_, k) => k !== 1)] });
  return outputs;
};

/** InstanceNormalization: over the image, each channel of each example by itself. */
export const instanceNormalization: AxisRule = (c) => {
  const x = c.axes(0);
  const vector = [x[1]!];
  for (const i of [1, 2]) join(c, x[1]!, c.axes(i)[0]!);
  c.relate({ inputs: [x, vector, vector], outputs: [x], mixed: [x.slice(2)] });
  return [x];
};

/** LayerNormalization: over the axes from `axis` on; scale and shift follow them. */
export const layerNormalization: AxisRule = (c) => {
  const x = c.axes(0);
  const at = namedAxis(c, x, -1);
  const { letters } = broadcast(
    c,
    [x, c.axes(1), c.has(2) ? c.axes(2) : undefined],
    x.map((axis) => sizeOfAxis(axis)),
  );
  const statistic = x.map((axis, k): Axis => (k < at ? axis : [[]]));
  const outputs = c.node.outputs.map((_, i) => (i === 0 ? x : statistic));
  c.relate({
    inputs: [x, letters[1], letters[2]],
    outputs: c.node.outputs.map((_, i) => (i === 0 ? x : x.slice(0, at))),
    mixed: [x.slice(at)],
  });
  return outputs;
};

/**
 * GroupNormalization: over the image and the channels of a group. Channels move within their group, groups as wholes.
 * Scale and shift are one number a channel from opset 21 on, one a group before.
 */
export const groupNormalization: AxisRule = (c) => {
  const [batch, channels, ...image] = c.axes(0) as [Axis, Axis, ...Axis[]];
  const groups = intAttr(c.node, "num_groups", 1);
  const [g, inner] = parts(c, channels, [groups, sizeOfAxis(channels) / groups]) as [Axis, Axis];
  const perChannel = c.opset >= 21;
  const vector = perChannel ? [g, inner] : [g];
  for (const i of [1, 2]) join(c, c.axes(i)[0]!, perChannel ? product([g, inner]) : g);
  const letters = [batch, g, inner, ...image];
  c.relate({ inputs: [letters, vector, vector], outputs: [letters], mixed: [[inner, ...image]] });
  return [c.axes(0)];
};

/** Softmax, LogSoftmax, LpNormalization: along one axis, whose elements are treated alike. */
export const alongAxis: AxisRule = (c) => {
  const x = c.axes(0);
  c.relate({ inputs: [x], outputs: [x], mixed: [[x[namedAxis(c, x, -1)]!]] });
  return [x];
};

/** com.microsoft.SkipLayerNormalization: x + skip (+ bias), normalised over the last axis. */
export const skipLayerNormalization: AxisRule = (c) => {
  const operands = c.node.inputs.map((_, i) => (c.has(i) ? c.axes(i) : undefined));
  const { output, letters } = broadcast(c, operands, c.shape(0));
  const features = output.at(-1)!;
  const statistic: Axes = [...output.slice(0, -1), [[]]];
  const whole = (i: number): boolean => i === 0 || i === 3;
  c.relate({
    inputs: letters,
    outputs: c.node.outputs.map((_, i) => (whole(i) ? output : output.slice(0, -1))),
    mixed: [[features]],
  });
  return c.node.outputs.map((_, i) => (whole(i) ? output : statistic));
};
