import { intAttr, intsAttr, type Node, stringAttr } from "../../../src/graph/graph.ts";
import { empty, forEachIndex, type Kernel, need, offset, stridesOf, type Value } from "./value.ts";

interface Geometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before all axes, then after all axes. */
  readonly pads: readonly number[];
  readonly output: readonly number[];
}

/** Windows of a convolution or pool, straight from the operator specification. */
export function geometry(node: Node, image: readonly number[], kernel: readonly number[]): Geometry {
  const strides = intsAttr(
    node,
    "strides",
    kernel.map(() => 1),
  );
  const dilations = intsAttr(
    node,
    "dilations",
    kernel.map(() => 1),
  );
  const extent = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
  const mode = stringAttr(node, "auto_pad", "NOTSET");
  const ceil = intAttr(node, "ceil_mode", 0) === 1;
  if (mode === "SAME_UPPER" || mode === "SAME_LOWER") {
    const output = image.map((size, axis) => Math.ceil(size / strides[axis]!));
    const total = image.map((size, axis) =>
      Math.max(0, (output[axis]! - 1) * strides[axis]! + extent[axis]! - size),
    );
    const small = total.map((pad) => Math.floor(pad / 2));
    const large = total.map((pad, axis) => pad - small[axis]!);
    return {
      kernel,
      strides,
      dilations,
      output,
      pads: mode === "SAME_UPPER" ? [...small, ...large] : [...large, ...small],
    };
  }
  const pads =
    mode === "VALID"
      ? [...image, ...image].map(() => 0)
      : intsAttr(
          node,
          "pads",
          [...image, ...image].map(() => 0),
        );
  const output = image.map((size, axis) => {
    const before = pads[axis]!;
    const room = (size + before + pads[axis + image.length]! - extent[axis]!) / strides[axis]!;
    const count = (ceil ? Math.ceil(room) : Math.floor(room)) + 1;
    // The last window must start inside the image or the padding before it.
    return ceil && (count - 1) * strides[axis]! >= size + before ? count - 1 : count;
  });
  return { kernel, strides, dilations, pads, output };
}

/** Calls `visit` with every (output position, kernel tap, image position), image positions inside the image only. */
export function forEachTap(
  { kernel, strides, dilations, pads, output }: Geometry,
  image: readonly number[],
  visit: (position: readonly number[], tap: readonly number[], at: readonly number[]) => void,
): void {
  forEachIndex(output, (position) => {
    forEachIndex(kernel, (tap) => {
      const at = position.map((p, axis) => p * strides[axis]! - pads[axis]! + tap[axis]! * dilations[axis]!);
      if (at.every((row, axis) => row >= 0 && row < image[axis]!)) visit(position, tap, at);
    });
  });
}

export function convolved(x: Value, w: Value, bias: Value | undefined, node: Node): Value {
  const [n = 1, , ...image] = x.shape;
  const [m = 1, perGroup = 1, ...kernel] = w.shape;
  const groups = intAttr(node, "group", 1);
  const shape = geometry(node, image, kernel);
  const y = empty(x.dtype, [n, m, ...shape.output]);
  const [xs, ws, ys] = [stridesOf(x.shape), stridesOf(w.shape), stridesOf(y.shape)];
  for (let example = 0; example < n; example++) {
    for (let o = 0; o < m; o++) {
      const first = Math.floor(o / (m / groups)) * perGroup;
      forEachTap(shape, image, (position, tap, at) => {
        for (let i = 0; i < perGroup; i++) {
          y.data[offset([example, o, ...position], ys)]! +=
            x.data[offset([example, first + i, ...at], xs)]! * w.data[offset([o, i, ...tap], ws)]!;
        }
      });
    }
  }
  if (bias) addBias(y, bias);
  return y;
}

function addBias(y: Value, bias: Value): void {
  forEachIndex(y.shape, (index, flat) => {
    y.data[flat]! += bias.data[index[1]!]!;
  });
}

/** Every number of x times the kernel, laid down at its stride and added up; then the pads are cut off. */
const convTranspose: Kernel = ([input, weights, bias], { node }) => {
  const x = need(input);
  const w = need(weights);
  const [n = 1, c = 1, ...image] = x.shape;
  const [, perGroup = 1, ...kernel] = w.shape;
  const groups = intAttr(node, "group", 1);
  const strides = intsAttr(
    node,
    "strides",
    kernel.map(() => 1),
  );
  const dilations = intsAttr(
    node,
    "dilations",
    kernel.map(() => 1),
  );
  const extra = intsAttr(
    node,
    "output_padding",
    kernel.map(() => 0),
  );
  const wanted = intsAttr(node, "output_shape", undefined);
  const mode = stringAttr(node, "auto_pad", "NOTSET");
  const full = image.map(
    (size, axis) => (size - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1 + extra[axis]!,
  );
  const pads = intsAttr(
    node,
    "pads",
    [...kernel, ...kernel].map(() => 0),
  );
  const same = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  const output = full.map((size, axis) => {
    if (wanted) return wanted[axis]!;
    if (same) return image[axis]! * strides[axis]!;
    return size - (mode === "VALID" ? 0 : pads[axis]! + pads[axis + kernel.length]!);
  });
  const before = full.map((size, axis) => {
    const total = Math.max(0, size - output[axis]!);
    if (wanted || same) return mode === "SAME_UPPER" ? Math.floor(total / 2) : total - Math.floor(total / 2);
    return mode === "VALID" ? 0 : pads[axis]!;
  });
  const y = empty(x.dtype, [n, perGroup * groups, ...output]);
  const [xs, ws, ys] = [stridesOf(x.shape), stridesOf(w.shape), stridesOf(y.shape)];
  forEachIndex([n, c, ...image], (index) => {
    const [example = 0, i = 0, ...at] = index;
    const first = Math.floor(i / (c / groups)) * perGroup;
    forEachIndex([perGroup, ...kernel], ([o = 0, ...tap]) => {
      const place = at.map(
        (row, axis) => row * strides[axis]! + tap[axis]! * dilations[axis]! - before[axis]!,
      );
      if (place.some((row, axis) => row < 0 || row >= output[axis]!)) return;
      y.data[offset([example, first + o, ...place], ys)]! +=
        x.data[offset(index, xs)]! * w.data[offset([i, o, ...tap], ws)]!;
    });
  });
  if (bias) addBias(y, bias);
  return [y];
};

/** Convolutions. */
export const convolution: Record<string, Kernel> = {
  Conv: ([x, w, bias], { node }) => [convolved(need(x), need(w), bias, node)],
  ConvTranspose: convTranspose,
};
