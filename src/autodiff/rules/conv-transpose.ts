import type { Builder } from "../../graph/builder.ts";
import { intAttr, intsAttr, type Node, stringAttr } from "../../graph/graph.ts";
import { axesFrom } from "../axes.ts";
import { convolutionWeights } from "../convolution.ts";
import type { GradientRule } from "../rule.ts";
import { reachOf, type Window } from "../windows.ts";

/**
 * Transposed convolution: the adjoint of the convolution with the same weights, so dx is that convolution of dy, and dw
 * is that convolution's weight gradient with the parts of image and gradient exchanged. db = Σ dy over batch and image.
 *
 * x: [N, I, image…], w: [I, O/groups, kernel…], b: [O], y: [N, O, image…].
 */
export const convTranspose: GradientRule = ({ node, x: [x = "", w = "", bias], dy: [dy = ""], needs, g }) => {
  const windows = adjointWindows(node, g.shape(x).slice(2), g.shape(dy).slice(2), g.shape(w).slice(2));
  const group = intAttr(node, "group", 1);
  return [
    needs[0] ? imageGradient(g, windows, group, dy, w) : undefined,
    needs[1] ? convolutionWeights(g, windows, group, dy, x, g.shape(w)) : undefined,
    bias && needs[2] ? g.reduceSum(dy, [0, ...axesFrom(2, g.rank(dy))], false) : undefined,
  ];
};

function imageGradient(g: Builder, windows: readonly Window[], group: number, dy: string, w: string): string {
  const attributes = {
    kernel_shape: windows.map(({ size }) => size),
    strides: windows.map(({ stride }) => stride),
    dilations: windows.map(({ dilation }) => dilation),
    group,
  };
  const pads = [...windows.map(({ before }) => before), ...windows.map(({ after }) => after)];
  if (pads.every((pad) => pad >= 0)) return g.op("Conv", [dy, w], { ...attributes, pads });
  const around = [0, 0, ...windows.map(({ before }) => before), 0, 0, ...windows.map(({ after }) => after)];
  return g.op("Conv", [g.op("Pad", [dy, g.ints(around)]), w], attributes);
}

/**
 * The windows of the convolution whose adjoint this is: its input is y, its output x. Pads follow from the sizes when
 * the node gives them by auto_pad or output_shape.
 */
function adjointWindows(
  node: Node,
  inputs: readonly number[],
  outputs: readonly number[],
  kernel: readonly number[],
): Window[] {
  const strides = intsAttr(node, "strides", []);
  const dilations = intsAttr(node, "dilations", []);
  const pads = intsAttr(node, "pads", []);
  const mode = stringAttr(node, "auto_pad", "NOTSET");
  const byShape = intsAttr(node, "output_shape", []).length > 0;
  return kernel.map((size, axis): Window => {
    const stride = strides[axis] ?? 1;
    const dilation = dilations[axis] ?? 1;
    const reach = reachOf(size, dilation);
    const covered = (inputs[axis]! - 1) * stride + reach + 1;
    const extra = intsAttr(node, "output_padding", [])[axis] ?? 0;
    const total = Math.max(0, covered + extra - outputs[axis]!);
    const derived = byShape || mode.startsWith("SAME");
    const less = Math.floor(total / 2);
    const before = derived ? (mode === "SAME_UPPER" ? less : total - less) : (pads[axis] ?? 0);
    // What the last window reaches of y, so that the convolution has exactly the size of x.
    const after = covered - before - outputs[axis]!;
    return {
      size,
      stride,
      dilation,
      reach,
      before,
      after,
      input: outputs[axis]!,
      output: inputs[axis]!,
      covered,
    };
  });
}
