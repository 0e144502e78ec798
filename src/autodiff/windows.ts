import { intAttr, intsAttr, type Node, stringAttr } from "../graph/graph.ts";

/** The windows of a convolution or pool along one image axis: output p sees rows stride·p − before + dilation·tap. */
export interface Window {
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Distance from the first tap to the last. */
  readonly reach: number;
  /** Rows of padding before and after the image. */
  readonly before: number;
  readonly after: number;
  readonly input: number;
  readonly output: number;
  /** Rows from the first one of the first window to the last one of the last, padding included. */
  readonly covered: number;
}

/** Distance from a kernel's first tap to its last. */
export function reachOf(size: number, dilation: number): number {
  return (size - 1) * dilation;
}

/**
 * The windows of Conv, MaxPool and AveragePool, one for each image axis, with auto_pad and ceil_mode worked out.
 * Formulas: ONNX operator specification, MaxPool-22 and Conv-22. In ceil_mode no window may start behind the padding.
 */
export function windowsOf(node: Node, inputs: readonly number[], kernel: readonly number[]): Window[] {
  const strides = intsAttr(node, "strides", []);
  const dilations = intsAttr(node, "dilations", []);
  const pads = intsAttr(node, "pads", []);
  const mode = stringAttr(node, "auto_pad", "NOTSET");
  const ceil = intAttr(node, "ceil_mode", 0) === 1;
  return kernel.map((size, axis): Window => {
    const input = inputs[axis]!;
    const stride = strides[axis] ?? 1;
    const dilation = dilations[axis] ?? 1;
    const reach = reachOf(size, dilation);
    let before = 0;
    let after = 0;
    if (mode.startsWith("SAME")) {
      const total = Math.max(0, (Math.ceil(input / stride) - 1) * stride + reach + 1 - input);
      before = mode === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2);
      after = total - before;
    } else if (mode === "NOTSET") {
      before = pads[axis] ?? 0;
      after = pads[axis + kernel.length] ?? 0;
    }
    const room = (input + before + after - reach - 1) / stride;
    let output = (ceil ? Math.ceil(room) : Math.floor(room)) + 1;
    if (ceil && (output - 1) * stride >= input + before) output--;
    return {
      size,
      stride,
      dilation,
      reach,
      before,
      after,
      input,
      output,
      covered: (output - 1) * stride + reach + 1,
    };
  });
}

/** The first row each tap of the kernel sees, for all taps of all axes, the last axis fastest: [[0, 0], [0, d], …]. */
export function allTaps(windows: readonly Window[]): number[][] {
  return windows.reduce<number[][]>(
    (taps, { size, dilation }) =>
      taps.flatMap((tap) => Array.from({ length: size }, (_, i) => [...tap, i * dilation])),
    [[]],
  );
}
