import { intAttr, stringAttr } from "../../../src/graph/graph.ts";
import { sizeOf } from "../../../src/tensor/tensor.ts";
import { copied } from "./layout.ts";
import { empty, forEachIndex, front, type Kernel, need, offset, stridesOf } from "./value.ts";

const gather: Kernel = ([input, indices], { node }) => {
  const x = need(input);
  const which = need(indices);
  const axis = front(intAttr(node, "axis", 0), x.shape.length);
  const strides = stridesOf(which.shape);
  const shape = [...x.shape.slice(0, axis), ...which.shape, ...x.shape.slice(axis + 1)];
  return [
    copied(x, shape, (index) => {
      const row = which.data[offset(index.slice(axis, axis + which.shape.length), strides)]!;
      return [...index.slice(0, axis), front(row, x.shape[axis]!), ...index.slice(axis + which.shape.length)];
    }),
  ];
};

const gatherElements: Kernel = ([input, indices], { node }) => {
  const x = need(input);
  const which = need(indices);
  const axis = front(intAttr(node, "axis", 0), x.shape.length);
  const strides = stridesOf(which.shape);
  return [
    copied(x, which.shape, (index) =>
      index.with(axis, front(which.data[offset(index, strides)]!, x.shape[axis]!)),
    ),
  ];
};

const scatterElements: Kernel = ([input, indices, updates], { node }) => {
  const x = need(input);
  const which = need(indices);
  const axis = front(intAttr(node, "axis", 0), x.shape.length);
  const y = { ...x, data: x.data.slice() };
  const strides = stridesOf(x.shape);
  const adds = stringAttr(node, "reduction", "none") === "add";
  forEachIndex(which.shape, (index, flat) => {
    const at = offset(index.with(axis, front(which.data[flat]!, x.shape[axis]!)), strides);
    y.data[at] = need(updates).data[flat]! + (adds ? y.data[at]! : 0);
  });
  return [y];
};

const scatterND: Kernel = ([input, indices, updates], { node }) => {
  const x = need(input);
  const which = need(indices);
  const deep = which.shape.at(-1)!;
  const y = { ...x, data: x.data.slice() };
  const strides = stridesOf(x.shape);
  const width = sizeOf(x.shape.slice(deep));
  const adds = stringAttr(node, "reduction", "none") === "add";
  for (let row = 0; row < sizeOf(which.shape.slice(0, -1)); row++) {
    const index = Array.from({ length: deep }, (_, i) => front(which.data[row * deep + i]!, x.shape[i]!));
    const start = offset(index, strides);
    for (let i = 0; i < width; i++) {
      y.data[start + i] = need(updates).data[row * width + i]! + (adds ? y.data[start + i]! : 0);
    }
  }
  return [y];
};

const oneHot: Kernel = ([indices, depth, offOn], { node }) => {
  const which = need(indices);
  const count = need(depth).data[0]!;
  const axis = front(intAttr(node, "axis", -1), which.shape.length + 1);
  const [off = 0, on = 1] = need(offOn).data;
  const y = empty(need(offOn).dtype, which.shape.toSpliced(axis, 0, count));
  const strides = stridesOf(which.shape);
  forEachIndex(y.shape, (index, flat) => {
    const wanted = front(which.data[offset(index.toSpliced(axis, 1), strides)]!, count);
    y.data[flat] = index[axis] === wanted ? on : off;
  });
  return [y];
};

/** Nearest and linear resampling, number by number, axis weights multiplied. */
const resize: Kernel = ([input, , scales, sizes], { node }) => {
  const x = need(input);
  const shape = sizes
    ? Array.from(sizes.data)
    : x.shape.map((size, axis) => Math.floor(size * scales!.data[axis]!));
  const mode = stringAttr(node, "mode", "nearest");
  const coordinates = stringAttr(node, "coordinate_transformation_mode", "half_pixel");
  const rounding = stringAttr(node, "nearest_mode", "round_prefer_floor");
  const source = (p: number, axis: number): number => {
    const scale = sizes ? shape[axis]! / x.shape[axis]! : scales!.data[axis]!;
    if (coordinates === "asymmetric") return p / scale;
    if (coordinates === "align_corners")
      return shape[axis] === 1 ? 0 : (p * (x.shape[axis]! - 1)) / (shape[axis]! - 1);
    if (coordinates === "pytorch_half_pixel") return shape[axis]! > 1 ? (p + 0.5) / scale - 0.5 : 0;
    return (p + 0.5) / scale - 0.5;
  };
  const round = (q: number): number => {
    if (rounding === "floor") return Math.floor(q);
    if (rounding === "ceil") return Math.ceil(q);
    const half = q - Math.floor(q) === 0.5;
    if (half) return rounding === "round_prefer_floor" ? Math.floor(q) : Math.ceil(q);
    return Math.round(q);
  };
  const inside = (row: number, axis: number): number => Math.max(0, Math.min(x.shape[axis]! - 1, row));
  const strides = stridesOf(x.shape);
  if (mode === "nearest")
    return [copied(x, shape, (index) => index.map((p, axis) => inside(round(source(p, axis)), axis)))];
  const y = empty(x.dtype, shape);
  const corners = x.shape.map(() => 2);
  forEachIndex(shape, (index, flat) => {
    const places = index.map((p, axis) => Math.max(0, Math.min(x.shape[axis]! - 1, source(p, axis))));
    forEachIndex(corners, (corner) => {
      const weight = places.reduce(
        (w, q, axis) => w * (corner[axis] === 1 ? q - Math.floor(q) : 1 - (q - Math.floor(q))),
        1,
      );
      if (weight === 0) return;
      const at = places.map((q, axis) => inside(Math.floor(q) + corner[axis]!, axis));
      y.data[flat]! += weight * x.data[offset(at, strides)]!;
    });
  });
  return [y];
};

/** Operators that choose numbers by position. */
export const indexing: Record<string, Kernel> = {
  Gather: gather,
  GatherElements: gatherElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
  Resize: resize,
};
