import { type Dim, intAttr, intsAttr, type Node } from "../graph.ts";
import { type Known, readContents } from "../known.ts";
import { positions, windowOf } from "./convolution.ts";
import { type Inputs, mapDim, mismatch, need, show } from "./rule.ts";

/** MaxPool (2 outputs: values and their places) and AveragePool: x [N, C, image…] → [N, C, image'…]. */
export function pool(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const [batch = null, channels = null, ...image] = x.shape;
  const kernel =
    intsAttr(node, "kernel_shape", undefined) ?? mismatch(node, "attribute kernel_shape is missing");
  if (x.shape.length < 3 || kernel.length !== image.length) {
    mismatch(node, `a window of ${show(kernel)} does not fit an image ${show(x.shape)}`);
  }
  const sizes = positions(node, image, windowOf(node, kernel), intAttr(node, "ceil_mode", 0) === 1);
  const shape = [batch, channels, ...sizes];
  return node.op === "MaxPool"
    ? [
        { dtype: x.dtype, shape },
        { dtype: "int64", shape },
      ]
    : [{ dtype: x.dtype, shape }];
}

/** GlobalAveragePool, GlobalMaxPool: x [N, C, image…] → [N, C, 1…]. */
export function globalPool(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  if (x.shape.length < 3) mismatch(node, `an image needs at least 3 axes, got ${show(x.shape)}`);
  return [{ dtype: x.dtype, shape: x.shape.map((dim, i) => (i < 2 ? dim : 1)) }];
}

/** MaxUnpool: values and places as MaxPool gave them, and optionally the shape to fill. */
export function maxUnpool(node: Node, inputs: Inputs): Known[] {
  const x = need(node, inputs, 0);
  const [batch = null, channels = null, ...image] = x.shape;
  const stated = inputs[2];
  if (stated !== undefined) {
    const sizes: readonly Dim[] = readContents(stated) ?? x.shape.map((): Dim => null);
    if (sizes.length !== x.shape.length)
      mismatch(node, `output_shape ${show(sizes)} must have ${x.shape.length} numbers`);
    return [{ dtype: x.dtype, shape: sizes }];
  }
  const kernel =
    intsAttr(node, "kernel_shape", undefined) ?? mismatch(node, "attribute kernel_shape is missing");
  if (kernel.length !== image.length)
    mismatch(node, `a window of ${show(kernel)} does not fit an image ${show(x.shape)}`);
  const { strides, pads } = windowOf(node, kernel);
  const sizes = image.map((size, i) =>
    mapDim(size, (s) => (s - 1) * strides[i]! + kernel[i]! - pads[i]! - pads[i + image.length]!),
  );
  return [{ dtype: x.dtype, shape: [batch, channels, ...sizes] }];
}
