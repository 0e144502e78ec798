import type { Builder } from "../../graph/builder.ts";
import { intAttr } from "../../graph/graph.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { axesFrom } from "../axes.ts";
import { convolutionWeights } from "../convolution.ts";
import { flip } from "../place.ts";
import type { GradientRule } from "../rule.ts";
import { type Window, windowsOf } from "../windows.ts";

/**
 * Convolution: y[n,o,p] = b[o] + Σ_{i,k} x[n, i, s·p − pad + d·k] · w[o,i,k], i within the group of o.
 *
 * dx: the transposed convolution of dy with w. With stride 1 that is a convolution of dy with w flipped and its channel
 *     roles exchanged, which runs faster.
 * dw: see `convolutionWeights`. db = Σ dy over batch and image.
 *
 * x: [N, I, image…], w: [O, I/groups, kernel…], b: [O], y: [N, O, image…]; any number of image axes.
 */
export const conv: GradientRule = ({ node, x: [x = "", w = "", bias], dy: [dy = ""], needs, g }) => {
  const windows = windowsOf(node, g.shape(x).slice(2), g.shape(w).slice(2));
  const groups = intAttr(node, "group", 1);
  return [
    needs[0] ? imageGradient(g, windows, groups, g.shape(x), w, dy) : undefined,
    needs[1] ? convolutionWeights(g, windows, groups, x, dy, g.shape(w)) : undefined,
    bias && needs[2] ? g.reduceSum(dy, [0, ...axesFrom(2, g.rank(dy))], false) : undefined,
  ];
};

function imageGradient(
  g: Builder,
  windows: readonly Window[],
  groups: number,
  shape: readonly number[],
  w: string,
  dy: string,
): string {
  const attributes = {
    kernel_shape: windows.map(({ size }) => size),
    dilations: windows.map(({ dilation }) => dilation),
    group: groups,
  };
  const plain = windows.every(
    ({ stride, before, after, reach }) => stride === 1 && before <= reach && after <= reach,
  );
  if (plain) {
    const pads = [
      ...windows.map(({ reach, before }) => reach - before),
      ...windows.map(({ reach, after }) => reach - after),
    ];
    return g.op("Conv", [dy, exchanged(g, w, groups)], { ...attributes, pads });
  }
  // Rows of x behind the last window have no gradient; output_padding gives them their zeros.
  const missing = windows.map((window) => window.input + window.before + window.after - window.covered);
  const direct = windows.every(
    ({ before, after, stride }, i) => before >= 0 && after >= 0 && missing[i]! < stride,
  );
  const strides = windows.map(({ stride }) => stride);
  if (direct) {
    const pads = [...windows.map(({ before }) => before), ...windows.map(({ after }) => after)];
    return g.op("ConvTranspose", [dy, w], { ...attributes, strides, pads, output_padding: missing });
  }
  const whole = g.op("ConvTranspose", [dy, w], { ...attributes, strides });
  const around = [
    0,
    0,
    ...windows.map(({ before }) => -before),
    0,
    0,
    ...windows.map((window) => window.before + window.input - window.covered),
  ];
  return g.reshape(g.op("Pad", [whole, g.ints(around)]), shape);
}

/** Weights [O, I/groups, k…] with taps in reverse order and channels exchanged within each group: [I, O/groups, k…]. */
function exchanged(g: Builder, w: string, groups: number): string {
  const [o = 1, i = 1, ...kernel] = g.shape(w);
  const flipped = sizeOf(kernel) === 1 ? w : flip(g, w, axesFrom(2, 2 + kernel.length));
  const grouped = g.reshape(flipped, [groups, o / groups, i, ...kernel]);
  const turned = g.transpose(grouped, [0, 2, 1, ...axesFrom(3, 3 + kernel.length)]);
  return g.reshape(turned, [groups * i, o / groups, ...kernel]);
}
