import { intAttr, intsAttr } from "../../graph/graph.ts";
import { type Axis, fixedAxis, product, sizeOfAxis } from "../atoms.ts";
import { type AxisContext, type Axes, type AxisRule, hold, join, parts, pin } from "./rule.ts";

/**
 * Conv: x [N, G·I, image…], w [G·O, I, taps…], b [G·O] → y [N, G·O, image'…] with G groups. Channels move freely within a
 * group and groups as wholes; a depthwise convolution is all groups.
 */
export const conv: AxisRule = (c) => {
  const [out, into, ...taps] = c.axes(1) as [Axis, Axis, ...Axis[]];
  const groups = intAttr(c.node, "group", 1);
  const outputs = c.shape(0)[1]!;
  const [g, o] =
    groups === 1 ? [undefined, out] : (parts(c, out, [groups, outputs / groups]) as [Axis, Axis]);
  return convolve(c, g, into, o, { inputs: [g ? [g, o] : [o], [into]], taps });
};

/** ConvTranspose: x [N, G·I, image…], w [G·I, O, taps…], b [G·O] → y [N, G·O, image'…]. */
export const convTranspose: AxisRule = (c) => {
  const [into, out, ...taps] = c.axes(1) as [Axis, Axis, ...Axis[]];
  const groups = intAttr(c.node, "group", 1);
  const inputs = c.known[0]!.shape[1] as number;
  const [g, i] =
    groups === 1 ? [undefined, into] : (parts(c, into, [groups, inputs / groups]) as [Axis, Axis]);
  return convolve(c, g, i, out, { inputs: [g ? [g, i] : [i], [out]], taps });
};

/** Groups g, inputs i and outputs o of a group; the weight's first two axes in these letters. */
function convolve(
  c: AxisContext,
  g: Axis | undefined,
  i: Axis,
  o: Axis,
  weight: { readonly inputs: readonly [Axes, Axes]; readonly taps: Axes },
): readonly Axes[] {
  const [batch, channels, ...image] = c.axes(0) as [Axis, Axis, ...Axis[]];
  const made = g === undefined ? o : product([g, o]);
  join(c, channels, g === undefined ? i : product([g, i]));
  if (c.has(2)) join(c, c.axes(2)[0]!, made);
  pin(weight.taps);
  const result = isPointwise(c, image, weight.taps)
    ? image
    : c
        .shape(0)
        .slice(2)
        .map((size) => fixedAxis(size));
  if (result !== image) hold(c, image, "moves a window over it");
  const outer = g === undefined ? [] : [g];
  c.relate({
    inputs: [
      [batch, ...outer, i, ...image],
      [...weight.inputs.flat(), ...weight.taps],
      [...outer, o],
      // FusedConv adds a fourth operand before its activation.
      [batch, ...outer, o, ...result],
    ],
    outputs: [[batch, ...outer, o, ...result]],
    mixed: [result === image ? [i] : [i, ...image, ...weight.taps]],
  });
  if (c.has(3)) join(c, c.axes(3)[1]!, made);
  return [[batch, made, ...result]];
}

/** Whether each pixel of the result is made from the one at its place: a matrix product along the channels. */
function isPointwise(c: AxisContext, image: Axes, taps: Axes): boolean {
  const steps = intsAttr(c.node, "strides", undefined) ?? [];
  const sizes = c.shape(0).slice(2);
  return (
    taps.every((tap) => sizeOfAxis(tap) === 1) &&
    steps.every((step) => step === 1) &&
    image.every((axis, k) => sizeOfAxis(axis) === sizes[k])
  );
}
