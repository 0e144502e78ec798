import { float } from "../../../src/graph/builder.ts";
import { sizeOf } from "../../../src/tensor/tensor.ts";
import { value } from "../../kit/float64/value.ts";
import { type CaseInput, cases, constant, fed, int, ints, maybe, wrt } from "../gradient-case.ts";

export const reshape = cases((d) => {
  const [a = 1, b = 1, c = 1] = d.shape(3);
  const target = d.pick([[a * b, c], [c, -1], [-1], [0, b * c], [1, a, b, c]]);
  return { inputs: [wrt(d.normal([a, b, c])), ints(target)] };
});

export const flatten = cases((d) => {
  const shape = d.shape(d.int(1, 4));
  return { inputs: [wrt(d.normal(shape))], attributes: { axis: d.int(-shape.length, shape.length) } };
});

export const transpose = cases((d) => {
  const shape = d.shape(d.int(1, 4));
  return { inputs: [wrt(d.normal(shape))], attributes: d.bool() ? { perm: d.order(shape.length) } : {} };
});

export const squeeze = cases((d) => {
  const [a = 1, b = 1] = d.shape(2);
  return {
    inputs: d.bool() ? [wrt(d.normal([a, 1, b, 1])), ints([1, -1])] : [wrt(d.normal([1, a + 1, 1, b + 1]))],
  };
});

export const unsqueeze = cases((d) => ({
  inputs: [wrt(d.normal(d.shape(2))), ints(d.pick([[0], [1, 3], [-1], [0, -2]]))],
}));

export const concat = cases((d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(-shape.length, shape.length - 1);
  const inputs = Array.from({ length: d.int(1, 4) }, (_, i): CaseInput => {
    const x = d.normal(shape.with(axis, d.int(1, 3)));
    return i === 0 ? wrt(x) : maybe(d, x);
  });
  return { inputs, attributes: { axis } };
});

export const split = cases((d, opset) => {
  const sizes = d.shape(d.int(1, 3));
  const rank = d.int(1, 3);
  const axis = d.int(-rank, rank - 1);
  const total = sizes.reduce((a, b) => a + b, 0);
  const names = sizes.map((_, i) => `part${i}`);
  const lossOn = sizes.map((_, i) => i).filter((i) => i === 0 || d.bool());
  const even = d.bool();
  const shape = d.shape(rank).with(axis, even ? sizes.length * d.int(1, 2) : total);
  const attributes = { axis, ...(even && opset >= 18 ? { num_outputs: sizes.length } : {}) };
  return {
    inputs: even ? [wrt(d.normal(shape))] : [wrt(d.normal(shape)), ints(sizes)],
    attributes,
    outputs: names,
    lossOn,
  };
});

export const slice = cases((d) => {
  const shape = d.shape(d.int(1, 3), 7);
  const axes = d.order(shape.length).slice(0, d.int(1, shape.length));
  const steps = axes.map(() => d.pick([1, 1, 2, 3, -1, -2]));
  const starts: number[] = [];
  const ends: number[] = [];
  axes.forEach((axis, i) => {
    const size = shape[axis]!;
    const [low, high] = [d.int(0, size - 1), d.int(0, size - 1)].toSorted((a, b) => a - b) as [
      number,
      number,
    ];
    const open = d.bool();
    if (steps[i]! > 0) {
      starts.push(d.bool() ? low : low - size);
      ends.push(open ? 2 ** 31 : high + 1);
    } else {
      starts.push(d.bool() ? high : high - size);
      ends.push(open || low === 0 ? -(2 ** 31) : low - 1);
    }
  });
  const plain = axes.every((axis, i) => axis === i) && steps.every((step) => step === 1) && d.bool();
  const listed = axes.map((axis) => (d.bool() ? axis : axis - shape.length));
  const inputs = [wrt(d.normal(shape)), ints(starts), ints(ends)];
  return { inputs: plain ? inputs : [...inputs, ints(listed), ints(steps)] };
});

export const pad = cases((d, opset) => {
  const shape = d.shape(d.int(1, 3)).map((size) => size + 1);
  const modes = ["constant", "constant", "edge", "reflect", ...(opset >= 19 ? ["wrap"] : [])];
  const mode = d.pick(modes);
  const some = opset >= 18 && d.bool();
  const axes = some ? d.order(shape.length).slice(0, d.int(1, shape.length)) : shape.map((_, axis) => axis);
  const negative = mode === "constant" && d.bool();
  const pads = [...axes, ...axes].map((axis) =>
    d.int(0, mode === "reflect" || mode === "wrap" ? shape[axis]! - 1 : 3),
  );
  // At most one row is cut on one side of each axis, so that something is left.
  if (negative) axes.forEach((_, i) => (pads[d.bool() ? i : i + axes.length] = -d.int(0, 1)));
  const inputs: (CaseInput | undefined)[] = [wrt(d.normal(shape)), ints(pads)];
  if (mode === "constant" && d.bool()) inputs.push(maybe(d, d.normal([])));
  else if (some) inputs.push(undefined);
  if (some) inputs.push(ints(axes));
  return { inputs, attributes: { mode } };
});

export const expand = cases((d) => {
  const shape = d.shape(d.int(1, 4), 3);
  return {
    inputs: [
      wrt(d.normal(d.broadcastable(shape))),
      ints(shape.map((size) => (d.bool() ? size : 1)).map((size, i) => Math.max(size, shape[i]!))),
    ],
  };
});

export const tile = cases((d) => {
  const shape = d.shape(d.int(1, 3));
  return { inputs: [wrt(d.normal(shape)), ints(shape.map(() => d.int(1, 3)))] };
});

/** Indices below `size`, some negative, with repetitions. */
function indices(
  d: Parameters<Parameters<typeof cases>[0]>[0],
  shape: readonly number[],
  size: number,
): CaseInput["value"] {
  return value(
    "int64",
    shape,
    Float64Array.from({ length: sizeOf(shape) }, () => d.int(-size, size - 1)),
  );
}

export const gather = cases((d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(-shape.length, shape.length - 1);
  const which = indices(d, d.pick([[], [1], [3], [2, 2]]), shape.at(axis)!);
  return { inputs: [wrt(d.normal(shape)), d.bool() ? fed(which) : constant(which)], attributes: { axis } };
});

export const gatherElements = cases((d) => {
  const shape = d.shape(d.int(1, 3));
  const axis = d.int(-shape.length, shape.length - 1);
  const which = indices(d, shape.with(axis, d.int(1, 4)), shape.at(axis)!);
  return { inputs: [wrt(d.normal(shape)), fed(which)], attributes: { axis } };
}, 16);

export const trilu = cases((d) => {
  const x = wrt(d.normal(d.shape(d.int(2, 3))));
  return { inputs: d.bool() ? [x] : [x, int(d.int(-2, 2))], attributes: { upper: d.int(0, 1) } };
}, 14);

export const depthToSpace = cases((d) => {
  const b = d.int(1, 2);
  const [n = 1, c = 1, h = 1, w = 1] = d.shape(4, 3);
  return {
    inputs: [wrt(d.normal([n, c * b * b, h, w]))],
    attributes: { blocksize: b, mode: d.pick(["DCR", "CRD"]) },
  };
});

export const spaceToDepth = cases((d) => {
  const b = d.int(1, 2);
  const [n = 1, c = 1, h = 1, w = 1] = d.shape(4, 3);
  return { inputs: [wrt(d.normal([n, c, h * b, w * b]))], attributes: { blocksize: b } };
});

export const resize = cases((d) => {
  const shape = [d.int(1, 2), d.int(1, 2), d.int(1, 4), d.int(1, 4)];
  const linear = d.bool();
  // align_corners divides by size − 1, which ONNX Runtime does not guard everywhere: two rows at least.
  const place = d.pick(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]);
  const attributes = {
    mode: linear ? "linear" : "nearest",
    coordinate_transformation_mode: place,
    ...(linear ? {} : { nearest_mode: d.pick(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]) }),
    cubic_coeff_a: float(-0.75),
  };
  const x = wrt(d.normal(shape));
  if (d.bool())
    return {
      inputs: [x, undefined, undefined, ints([shape[0]!, shape[1]!, d.int(2, 6), d.int(2, 6)])],
      attributes,
    };
  const scales = value("float32", [4], Float64Array.of(1, 1, d.pick([1, 2, 3, 0.5]), d.pick([1, 2, 1.5])));
  const tall = [shape[0]!, shape[1]!, shape[2]! + 1, shape[3]! + 1];
  return { inputs: [wrt(d.normal(tall)), undefined, constant(scales)], attributes };
});
