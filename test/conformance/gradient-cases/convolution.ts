import type { AttributeLike } from "../../../src/graph/builder.ts";
import type { Draw } from "../../kit/draw.ts";
import { cases, maybe, wrt } from "../gradient-case.ts";

interface Channels {
  readonly group: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Whole, grouped and depthwise (with one or two outputs a channel). */
function channels(d: Draw): Channels {
  const kind = d.pick(["whole", "whole", "grouped", "depthwise"] as const);
  if (kind === "whole") return { group: 1, inputs: d.int(1, 3), outputs: d.int(1, 3) };
  if (kind === "grouped") return { group: 2, inputs: 2 * d.int(1, 2), outputs: 2 * d.int(1, 2) };
  const group = d.int(2, 3);
  return { group, inputs: group, outputs: group * d.int(1, 2) };
}

export const conv = cases((d) => {
  const axes = d.pick([1, 2, 2, 2]);
  const { group, inputs, outputs } = channels(d);
  const pointwise = d.int(0, 4) === 0;
  const kernel = Array.from({ length: axes }, () => (pointwise ? 1 : d.int(1, 3)));
  const dilations = kernel.map(() => d.pick([1, 1, 2]));
  const strides = kernel.map(() => d.pick([1, 1, 2, 3]));
  const image = kernel.map((size, axis) => (size - 1) * dilations[axis]! + d.int(1, 5));
  const attributes: Record<string, AttributeLike> = { group };
  if (d.bool()) attributes["kernel_shape"] = kernel;
  const mode = d.pick(["none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID"] as const);
  attributes["strides"] = strides;
  // ONNX Runtime takes automatic padding for undilated kernels only.
  const automatic = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  if (!automatic) attributes["dilations"] = dilations;
  if (mode === "pads") attributes["pads"] = [...kernel, ...kernel].map(() => d.int(0, 3));
  else if (mode !== "none") attributes["auto_pad"] = mode;
  const x = d.normal([d.int(1, 3), inputs, ...image]);
  const w = d.normal([outputs, inputs / group, ...kernel]);
  const both = d.bool() ? [wrt(x), maybe(d, w)] : [maybe(d, x), wrt(w)];
  return { inputs: d.bool() ? both : [...both, wrt(d.normal([outputs]))], attributes };
});

export const convTranspose = cases((d) => {
  const axes = d.pick([1, 2, 2, 2]);
  const { group, inputs, outputs } = channels(d);
  const kernel = Array.from({ length: axes }, () => d.int(1, 3));
  const strides = kernel.map(() => d.int(1, 3));
  const dilations = kernel.map(() => d.pick([1, 1, 2]));
  const image = kernel.map(() => d.int(1, 4));
  const full = image.map(
    (size, axis) => (size - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1,
  );
  const attributes: Record<string, AttributeLike> = { group, strides, kernel_shape: kernel, dilations };
  const mode = d.pick(["none", "pads", "output_padding", "output_shape"] as const);
  if (mode === "pads" || mode === "output_padding") {
    const before = full.map((size) => d.int(0, Math.min(2, Math.floor((size - 1) / 2))));
    attributes["pads"] = [
      ...before,
      ...full.map((size) => d.int(0, Math.min(2, Math.floor((size - 1) / 2)))),
    ];
  }
  if (mode === "output_padding") attributes["output_padding"] = strides.map((stride) => d.int(0, stride - 1));
  // ONNX's own shape inference gives up where the result is smaller than the image.
  if (mode === "output_shape") {
    attributes["output_shape"] = full.map((size, axis) => Math.max(image[axis]!, size - d.int(0, 2)));
  }
  const x = d.normal([d.int(1, 2), inputs, ...image]);
  const w = d.normal([inputs, outputs / group, ...kernel]);
  const both = d.bool() ? [wrt(x), maybe(d, w)] : [maybe(d, x), wrt(w)];
  return { inputs: d.bool() ? both : [...both, wrt(d.normal([outputs]))], attributes };
});
