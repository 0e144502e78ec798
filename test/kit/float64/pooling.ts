import { intAttr, intsAttr } from "../../../src/graph/graph.ts";
import { sizeOf } from "../../../src/tensor/tensor.ts";
import { forEachTap, geometry } from "./convolution.ts";
import { empty, type Kernel, need, offset, stridesOf } from "./value.ts";

const maxPool: Kernel = ([input], { node }) => {
  const x = need(input);
  const [n = 1, c = 1, ...image] = x.shape;
  const shape = geometry(node, image, intsAttr(node, "kernel_shape", []));
  const y = empty(x.dtype, [n, c, ...shape.output], -Infinity);
  const indices = empty("int64", y.shape, -1);
  const strides = stridesOf(y.shape);
  const imageStrides = stridesOf(image);
  const columnMajor = stridesOf(image.toReversed()).toReversed();
  for (let plane = 0; plane < n * c; plane++) {
    forEachTap(shape, image, (position, _tap, at) => {
      const where = offset([Math.floor(plane / c), plane % c, ...position], strides);
      const number = x.data[plane * sizeOf(image) + offset(at, imageStrides)]!;
      if (number <= y.data[where]!) return;
      y.data[where] = number;
      const order = intAttr(node, "storage_order", 0) === 0 ? imageStrides : columnMajor;
      indices.data[where] = plane * sizeOf(image) + offset(at, order);
    });
  }
  return [y, indices];
};

const averagePool: Kernel = ([input], { node }) => {
  const x = need(input);
  const [n = 1, c = 1, ...image] = x.shape;
  const shape = geometry(node, image, intsAttr(node, "kernel_shape", []));
  const withPads = intAttr(node, "count_include_pad", 0) === 1;
  const y = empty(x.dtype, [n, c, ...shape.output]);
  const counts = empty("float64", shape.output);
  const [ys, xs, cs] = [stridesOf(y.shape), stridesOf(x.shape), stridesOf(shape.output)];
  // As if the image were larger by its padding: what lies beyond even that is never counted.
  const padded = image.map((size, axis) => size + shape.pads[axis]! + shape.pads[axis + image.length]!);
  const counted = withPads ? { ...shape, pads: shape.pads.map(() => 0) } : shape;
  forEachTap(counted, withPads ? padded : image, (position) => {
    counts.data[offset(position, cs)]! += 1;
  });
  for (let example = 0; example < n; example++) {
    for (let channel = 0; channel < c; channel++) {
      forEachTap(shape, image, (position, _tap, at) => {
        y.data[offset([example, channel, ...position], ys)]! +=
          x.data[offset([example, channel, ...at], xs)]! / counts.data[offset(position, cs)]!;
      });
    }
  }
  return [y];
};

/** Numbers at the flat indices MaxPool gave them, 0 elsewhere. */
const maxUnpool: Kernel = ([input, indices, shape]) => {
  const x = need(input);
  const y = empty(x.dtype, Array.from(need(shape).data));
  need(indices).data.forEach((at, i) => (y.data[at] = x.data[i]!));
  return [y];
};

function global(f: (pixels: Float64Array) => number): Kernel {
  return ([input]) => {
    const x = need(input);
    const [n = 1, c = 1, ...image] = x.shape;
    const pixels = sizeOf(image);
    const y = empty(x.dtype, [n, c, ...image.map(() => 1)]);
    for (let plane = 0; plane < n * c; plane++)
      y.data[plane] = f(x.data.subarray(plane * pixels, (plane + 1) * pixels));
    return [y];
  };
}

/** Pools. */
export const pooling: Record<string, Kernel> = {
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
  AveragePool: averagePool,
  GlobalAveragePool: global((pixels) => pixels.reduce((a, b) => a + b, 0) / pixels.length),
  GlobalMaxPool: global((pixels) => Math.max(...pixels)),
};
