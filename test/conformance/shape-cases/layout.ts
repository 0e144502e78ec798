import type { Attribute } from "../../../src/graph/graph.ts";
import { float } from "../../../src/graph/builder.ts";
import { float32, int64s, scalar, sizeOf, tensor } from "../../../src/tensor/tensor.ts";
import type { Draw } from "../../kit/draw.ts";
import {
  constant,
  either,
  fed,
  filled,
  int,
  ints,
  type ShapeCases,
  type ShapeInput,
  signed,
  someAxes,
} from "../shape-case.ts";

/** A value to move about: sometimes constant integers, so that contents are followed too. */
function movable(d: Draw, shape: readonly number[]): ShapeInput {
  return d.bool() ? fed(d, shape) : constant(filled(d, shape, d.pick(["int64", "int32"]), -9, 9));
}

const axesAsInput = (d: Draw, axes: readonly number[]): ShapeInput => either(d, int64s(axes));

/** ReduceX: axes as an attribute before `since`, as an input from then on. */
const reduction =
  (since: number, followed = false): ShapeCases =>
  (d) => {
    const opset = d.pick([13, 17, 18, 21]);
    const shape = d.shape(d.int(0, 4));
    const axes = shape.length > 0 && d.bool() ? someAxes(d, shape.length, 0) : undefined;
    const keepdims = d.int(0, 1);
    const x = followed && d.bool() ? constant(filled(d, shape, "int64", 1, 5)) : fed(d, shape);
    if (opset >= since) {
      const noop = axes !== undefined && axes.length === 0 ? d.int(0, 1) : 0;
      const inputs = axes === undefined ? [x] : [x, ints(axes)];
      return { inputs, attributes: { keepdims, noop_with_empty_axes: noop }, opset };
    }
    return { inputs: [x], attributes: { keepdims, ...(axes && axes.length > 0 ? { axes } : {}) }, opset };
  };
export const ReduceSum = reduction(13, true);
export const ReduceMean = reduction(18);
export const ReduceMax = reduction(18, true);
export const ReduceMin = reduction(18, true);
export const ReduceProd = reduction(18, true);
export const ReduceL1 = reduction(18);
export const ReduceL2 = reduction(18);
export const ReduceLogSum = reduction(18);
export const ReduceLogSumExp = reduction(18);
export const ReduceSumSquare = reduction(18);

const argument: ShapeCases = (d) => {
  const rank = d.int(1, 4);
  return {
    inputs: [fed(d, d.shape(rank))],
    attributes: { axis: signed(d, d.int(0, rank - 1), rank), keepdims: d.int(0, 1) },
  };
};
export { argument as ArgMax, argument as ArgMin };

export const TopK: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(0, shape.length - 1);
  const k = int64s([d.int(1, shape[axis]!)]);
  return {
    inputs: [fed(d, shape), either(d, k)],
    attributes: { axis: signed(d, axis, shape.length) },
    outputs: 2,
  };
};
export const CumSum: ShapeCases = (d) => {
  const rank = d.int(1, 3);
  return { inputs: [fed(d, d.shape(rank)), either(d, scalar(signed(d, d.int(0, rank - 1), rank), "int64"))] };
};
export const Trilu: ShapeCases = (d) => ({
  inputs: [fed(d, d.shape(d.int(2, 4))), d.bool() ? int(d.int(-2, 2)) : undefined],
  attributes: { upper: d.int(0, 1) },
});

export const Reshape: ShapeCases = (d) => {
  const shape = d.shape(d.int(0, 4));
  let target: number[] = d.pick([[sizeOf(shape)], [...shape].reverse(), [1, ...shape], [...shape, 1]]);
  if (d.bool()) target = target.map((size, i) => (size === shape[i] && d.bool() ? 0 : size));
  if (d.bool() && target.length > 0) target[d.int(0, target.length - 1)] = -1;
  return { inputs: [movable(d, shape), either(d, int64s(target))] };
};
export const Flatten: ShapeCases = (d) => {
  const rank = d.int(1, 4);
  return { inputs: [movable(d, d.shape(rank))], attributes: { axis: d.int(-rank, rank) } };
};
export const Transpose: ShapeCases = (d) => {
  const shape = d.shape(d.int(0, 4));
  return {
    inputs: [movable(d, shape)],
    attributes: shape.length > 0 && d.bool() ? { perm: d.order(shape.length) } : {},
  };
};
export const Squeeze: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 4)).map((size) => (d.bool() ? 1 : size));
  const ones = shape.flatMap((size, i) => (size === 1 ? [signed(d, i, shape.length)] : []));
  const axes = d
    .order(ones.length)
    .slice(0, d.int(1, Math.max(1, ones.length)))
    .map((i) => ones[i]!);
  const listed = d.bool() && axes.length > 0;
  return { inputs: listed ? [movable(d, shape), axesAsInput(d, axes)] : [movable(d, shape)] };
};
export const Unsqueeze: ShapeCases = (d) => {
  const shape = d.shape(d.int(0, 3));
  const count = d.int(1, 2);
  const rank = shape.length + count;
  const axes = d
    .order(rank)
    .slice(0, count)
    .map((axis) => signed(d, axis, rank));
  return { inputs: [movable(d, shape), axesAsInput(d, axes)] };
};
export const Concat: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(0, shape.length - 1);
  const dtype = d.pick(["float32", "int64"] as const);
  const part = (): ShapeInput => either(d, filled(d, shape.with(axis, d.int(1, 3)), dtype, -9, 9));
  return {
    inputs: Array.from({ length: d.int(1, 3) }, part),
    attributes: { axis: signed(d, axis, shape.length) },
  };
};
export const Split: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(0, shape.length - 1);
  const attributes = { axis: signed(d, axis, shape.length) };
  const parts = Array.from({ length: d.int(1, 3) }, () => d.int(1, 3));
  const kind = d.pick(["listed", "equal", "counted"]);
  if (kind === "listed") {
    const whole = parts.reduce((a, b) => a + b);
    return {
      inputs: [movable(d, shape.with(axis, whole)), axesAsInput(d, parts)],
      attributes,
      outputs: parts.length,
    };
  }
  const n = parts.length;
  if (kind === "equal")
    return { inputs: [movable(d, shape.with(axis, n * d.int(1, 3)))], attributes, outputs: n };
  // The last of n equal parts may be smaller, but not empty.
  const chunk = d.int(1, 3);
  const whole = (n - 1) * chunk + d.int(1, chunk);
  const even = Math.ceil(whole / n) === chunk ? whole : n * chunk;
  return {
    inputs: [movable(d, shape.with(axis, even))],
    attributes: { ...attributes, num_outputs: n },
    outputs: n,
    opset: 18,
  };
};
export const Expand: ShapeCases = (d) => {
  const target = d.shape(d.int(1, 4));
  const from = d.broadcastable(target);
  const asked = target.map((size, i) =>
    from[i - target.length + from.length] === size && d.bool() ? 1 : size,
  );
  return { inputs: [movable(d, from), either(d, int64s(asked))] };
};
export const Tile: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3), 3);
  return { inputs: [movable(d, shape), either(d, int64s(d.shape(shape.length, 3)))] };
};
export const DepthToSpace: ShapeCases = (d) => {
  const blocksize = d.int(1, 3);
  const shape = [d.int(1, 3), blocksize ** 2 * d.int(1, 3), d.int(1, 3), d.int(1, 3)];
  return { inputs: [fed(d, shape)], attributes: { blocksize, mode: d.pick(["DCR", "CRD"]) } };
};
export const SpaceToDepth: ShapeCases = (d) => {
  const blocksize = d.int(1, 3);
  return {
    inputs: [fed(d, [d.int(1, 3), d.int(1, 3), blocksize * d.int(1, 3), blocksize * d.int(1, 3)])],
    attributes: { blocksize },
  };
};

export const Slice: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 4), 5);
  const axes = someAxes(d, shape.length);
  const steps = axes.map(() => d.pick([1, 1, 2, -1, -2]));
  const bound = (): number => d.pick([d.int(-7, 7), d.int(-7, 7), 2 ** 31 - 1, -(2 ** 31)]);
  const starts = axes.map(bound);
  const ends = axes.map(bound);
  const inputs = [
    movable(d, shape),
    either(d, int64s(starts)),
    either(d, int64s(ends)),
    axesAsInput(d, axes),
  ];
  return { inputs: [...inputs, either(d, int64s(steps))] };
};
export const Pad: ShapeCases = (d) => {
  const opset = d.pick([13, 18, 21]);
  const shape = d.shape(d.int(1, 4)).map((size) => size + 1);
  const axes = opset >= 18 && d.bool() ? someAxes(d, shape.length) : undefined;
  const count = axes?.length ?? shape.length;
  // Cuts stay small, so that something is left.
  const pads = Array.from({ length: 2 * count }, (_, i) => d.int(i < count ? -1 : 0, 3));
  const inputs: (ShapeInput | undefined)[] = [fed(d, shape), either(d, int64s(pads))];
  if (axes !== undefined) inputs.push(undefined, axesAsInput(d, axes));
  return { inputs, opset };
};

export const Gather: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(0, shape.length - 1);
  const indices = filled(
    d,
    d.shape(d.int(0, 2)),
    d.pick(["int64", "int32"]),
    -shape[axis]!,
    shape[axis]! - 1,
  );
  return {
    inputs: [movable(d, shape), either(d, indices)],
    attributes: { axis: signed(d, axis, shape.length) },
  };
};
export const GatherElements: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(0, shape.length - 1);
  const indices = filled(
    d,
    shape.map((size, i) => (i === axis ? d.int(1, 5) : d.int(1, size))),
    "int64",
    0,
    shape[axis]! - 1,
  );
  return { inputs: [fed(d, shape), either(d, indices)], attributes: { axis } };
};
export const GatherND: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 4));
  const batch = d.int(0, shape.length - 1);
  const depth = d.int(1, shape.length - batch);
  const indices = filled(d, [...shape.slice(0, batch), ...d.shape(d.int(0, 2)), depth], "int64", 0, 0);
  return { inputs: [fed(d, shape), either(d, indices)], attributes: { batch_dims: batch } };
};
export const ScatterElements: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(0, shape.length - 1);
  const part = shape.map((size, i) => (i === axis ? 1 : d.int(1, size)));
  return {
    inputs: [fed(d, shape), either(d, filled(d, part, "int64", 0, shape[axis]! - 1)), fed(d, part)],
    attributes: { axis },
  };
};
export const ScatterND: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 4));
  const depth = d.int(1, shape.length);
  const lead = d.shape(d.int(0, 2), 3);
  return {
    inputs: [
      fed(d, shape),
      either(d, filled(d, [...lead, depth], "int64", 0, 0)),
      fed(d, [...lead, ...shape.slice(depth)]),
    ],
  };
};
export const OneHot: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 3));
  const depth = d.int(1, 5);
  return {
    inputs: [
      { role: "fed", tensor: filled(d, shape, "int64", 0, depth - 1) },
      either(d, scalar(depth, "int64")),
      fed(d, [2]),
    ],
    attributes: { axis: signed(d, d.int(0, shape.length), shape.length + 1) },
  };
};
export const Resize: ShapeCases = (d) => {
  const opset = d.pick([13, 18, 19]);
  const shape = [d.int(1, 2), d.int(1, 3), d.int(1, 6), d.int(1, 6)];
  const some = opset >= 18 && d.bool();
  const part = some ? [2, 3] : [0, 1, 2, 3];
  const attributes = {
    mode: d.pick(["nearest", "linear"]),
    coordinate_transformation_mode: "asymmetric",
    ...(some ? { axes: part } : {}),
  };
  const roi = d.bool() ? undefined : constant(float32([0], []));
  if (d.bool()) {
    const scales = part.map((axis) =>
      axis < 2 ? 1 : d.pick([0.5, 1, 1.5, 2, 2.7].filter((s) => s * shape[axis]! >= 1)),
    );
    return { inputs: [fed(d, shape), roi, constant(float32([part.length], scales))], attributes, opset };
  }
  const sizes = part.map((axis) => (axis < 2 ? shape[axis]! : d.int(1, 9)));
  const policy = some ? { keep_aspect_ratio_policy: d.pick(["stretch", "not_larger", "not_smaller"]) } : {};
  return {
    inputs: [fed(d, shape), roi, undefined, either(d, int64s(sizes))],
    attributes: { ...attributes, ...policy },
    opset,
  };
};

export const Shape: ShapeCases = (d) => {
  const rank = d.int(0, 4);
  const range = d.bool() ? { start: d.int(-rank - 1, rank), end: d.int(-rank - 1, rank + 1) } : {};
  return { inputs: [fed(d, d.shape(rank))], attributes: range };
};
export const Size: ShapeCases = (d) => ({ inputs: [fed(d, d.shape(d.int(0, 4)))] });
export const ConstantOfShape: ShapeCases = (d) => {
  const value: Attribute = { type: "tensor", value: tensor("int64", [1], BigInt64Array.of(7n)) };
  return { inputs: [either(d, int64s(d.shape(d.int(1, 3))))], attributes: d.bool() ? { value } : {} };
};
export const Constant: ShapeCases = (d) => ({
  inputs: [],
  attributes: d.pick<Record<string, number | number[] | Attribute>>([
    { value: { type: "tensor", value: float32([2, 2], [1, 2, 3, 4]) } },
    { value_int: 3 },
    { value_ints: [1, 2, 3] },
    { value_float: float(0.5) },
    { value_floats: { type: "floats", value: [0.5, 1] } },
  ]),
});
export const Range: ShapeCases = (d) => {
  const dtype = d.pick(["int64", "int32", "float32"] as const);
  const [start, delta] = [d.int(-5, 5), d.pick([-2, -1, 1, 2, 3])];
  const numbers = [start, start + d.int(-6, 6), delta];
  return { inputs: numbers.map((x) => either(d, scalar(x, dtype))) };
};
