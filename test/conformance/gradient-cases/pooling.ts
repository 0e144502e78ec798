import type { AttributeLike } from "../../../src/graph/builder.ts";
import type { Draw } from "../../kit/draw.ts";
import { cases, type GradientCases, wrt } from "../gradient-case.ts";

/** Overlapping or tiling windows, padded, dilated, with rounding up and automatic padding, on one or two axes. */
function windows(
  d: Draw,
  dilates: boolean,
  opset: number,
): { attributes: Record<string, AttributeLike>; image: number[] } {
  const axes = d.pick([1, 2, 2]);
  const kernel = Array.from({ length: axes }, () => d.int(1, 3));
  if (d.int(0, 2) === 0) {
    return {
      attributes: { kernel_shape: kernel, strides: kernel },
      image: kernel.map((size) => size * d.int(1, 3)),
    };
  }
  const mode = d.pick(["none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID"] as const);
  const automatic = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  const dilations = kernel.map(() => (dilates && !automatic ? d.pick([1, 1, 2]) : 1));
  // With automatic padding ONNX Runtime wants strides no longer than the window.
  const strides = kernel.map((size) => d.int(1, automatic ? size : 3));
  // A window of nothing but padding has no maximum and no mean.
  const pads = [...kernel, ...kernel].map((size) => (mode === "pads" ? d.int(0, size - 1) : 0));
  const image = kernel.map((size, axis) => (size - 1) * dilations[axis]! + d.int(1, 5));
  const attributes: Record<string, AttributeLike> = { kernel_shape: kernel, strides };
  if (dilates) attributes["dilations"] = dilations;
  if (mode === "pads") attributes["pads"] = pads;
  else if (mode !== "none") attributes["auto_pad"] = mode;
  if (!automatic && mode !== "VALID") {
    // Before opset 22 the shape inference inside ONNX Runtime counts a last window that begins behind the image, which
    // its own kernels leave out: it then refuses what follows.
    const behind = kernel.some((size, axis) => {
      const [before, after] = [pads[axis]!, pads[axis + axes]!];
      const room = image[axis]! + before + after - (size - 1) * dilations[axis]! - 1;
      return Math.ceil(room / strides[axis]!) * strides[axis]! >= image[axis]! + before;
    });
    attributes["ceil_mode"] = behind && opset < 22 ? 0 : d.int(0, 1);
  }
  return { attributes, image };
}

export const maxPool: GradientCases = cases((d, opset) => {
  const { attributes, image } = windows(d, true, opset);
  const x = wrt(d.apart([d.int(1, 2), d.int(1, 2), ...image]));
  const withIndices = d.int(0, 3) === 0;
  return { inputs: [x], attributes, ...(withIndices ? { outputs: ["y", "indices"] } : {}) };
});

export const averagePool: GradientCases = cases((d, opset) => {
  const { attributes, image } = windows(d, opset >= 19, opset);
  if (d.bool()) attributes["count_include_pad"] = d.int(0, 1);
  return { inputs: [wrt(d.normal([d.int(1, 2), d.int(1, 2), ...image]))], attributes };
});

const globally = (
  numbers: (d: Draw, shape: readonly number[]) => ReturnType<Draw["normal"]>,
): GradientCases => cases((d) => ({ inputs: [wrt(numbers(d, d.shape(d.int(3, 4))))] }));

export const globalAveragePool = globally((d, shape) => d.normal(shape));
export const globalMaxPool = globally((d, shape) => d.apart(shape));
