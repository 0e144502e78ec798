import { intAttr, intsAttr, stringAttr } from "../../../src/graph/graph.ts";
import { broadcastShapes, numbers, sizeOf } from "../../../src/tensor/tensor.ts";
import {
  broadcastOffset,
  empty,
  forEachIndex,
  front,
  ints,
  type Kernel,
  need,
  offset,
  stridesOf,
  type Value,
} from "./value.ts";

/** A result whose every number is copied from an index of x; undefined means 0. */
export function copied(
  x: Value,
  shape: readonly number[],
  from: (index: readonly number[]) => readonly number[] | undefined,
): Value {
  const strides = stridesOf(x.shape);
  const y = empty(x.dtype, shape);
  forEachIndex(shape, (index, flat) => {
    const at = from(index);
    if (at !== undefined) y.data[flat] = x.data[offset(at, strides)]!;
  });
  return y;
}

function reshaped(x: Value, shape: readonly number[]): Value {
  if (sizeOf(shape) !== x.data.length) throw new Error(`oracle: [${x.shape.join()}] as [${shape.join()}]`);
  return { ...x, shape };
}

const reshape: Kernel = ([input, target], { node }) => {
  const x = need(input);
  const keepZero = intAttr(node, "allowzero", 0) === 1;
  const wanted = ints(target)!.map((size, axis) => (size === 0 && !keepZero ? x.shape[axis]! : size));
  const rest = x.data.length / sizeOf(wanted.filter((size) => size !== -1));
  return [
    reshaped(
      x,
      wanted.map((size) => (size === -1 ? rest : size)),
    ),
  ];
};

const transpose: Kernel = ([input], { node }) => {
  const x = need(input);
  const perm = intsAttr(
    node,
    "perm",
    x.shape.map((_, i) => x.shape.length - 1 - i),
  );
  return [
    copied(
      x,
      perm.map((axis) => x.shape[axis]!),
      (index) => {
        const at = [...index];
        perm.forEach((axis, i) => (at[axis] = index[i]!));
        return at;
      },
    ),
  ];
};

const squeeze: Kernel = ([input, listed], { node }) => {
  const x = need(input);
  const axes = (ints(listed) ?? intsAttr(node, "axes", undefined))?.map((axis) =>
    front(axis, x.shape.length),
  );
  return [
    reshaped(
      x,
      x.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)),
    ),
  ];
};

const unsqueeze: Kernel = ([input, listed], { node }) => {
  const x = need(input);
  const given = ints(listed) ?? intsAttr(node, "axes", []);
  const axes = given.map((axis) => front(axis, x.shape.length + given.length));
  const sizes = x.shape.values();
  const shape = Array.from({ length: x.shape.length + given.length }, (_, axis) =>
    axes.includes(axis) ? 1 : sizes.next().value!,
  );
  return [reshaped(x, shape)];
};

const concat: Kernel = (inputs, { node }) => {
  const all = inputs.map(need);
  const axis = front(intAttr(node, "axis", 0), all[0]!.shape.length);
  const y = empty(
    all[0]!.dtype,
    all[0]!.shape.with(
      axis,
      all.reduce((sum, x) => sum + x.shape[axis]!, 0),
    ),
  );
  const strides = stridesOf(y.shape);
  let start = 0;
  for (const x of all) {
    forEachIndex(x.shape, (index, flat) => {
      y.data[offset(index.with(axis, index[axis]! + start), strides)] = x.data[flat]!;
    });
    start += x.shape[axis]!;
  }
  return [y];
};

const split: Kernel = ([input, listed], { node }) => {
  const x = need(input);
  const axis = front(intAttr(node, "axis", 0), x.shape.length);
  const parts = node.outputs.length;
  const each = Math.ceil(x.shape[axis]! / parts);
  const sizes = ints(listed) ?? node.outputs.map((_, i) => Math.min(each, x.shape[axis]! - i * each));
  let start = 0;
  return sizes.map((size) => {
    const from = start;
    start += size;
    return copied(x, x.shape.with(axis, size), (index) => index.with(axis, index[axis]! + from));
  });
};

const slice: Kernel = ([input, starts, ends, listed, listedSteps]) => {
  const x = need(input);
  const axes = (ints(listed) ?? ints(starts)!.map((_, i) => i)).map((axis) => front(axis, x.shape.length));
  const steps = ints(listedSteps) ?? axes.map(() => 1);
  const first = x.shape.map(() => 0);
  const stride = x.shape.map(() => 1);
  const shape = [...x.shape];
  axes.forEach((axis, i) => {
    const size = x.shape[axis]!;
    const step = steps[i]!;
    const bound = (at: number): number => (at < 0 ? at + size : at);
    const begin = Math.min(Math.max(bound(ints(starts)![i]!), 0), step < 0 ? size - 1 : size);
    const end = Math.min(Math.max(bound(ints(ends)![i]!), step < 0 ? -1 : 0), size);
    first[axis] = begin;
    stride[axis] = step;
    shape[axis] = Math.max(0, Math.ceil((end - begin) / step));
  });
  return [copied(x, shape, (index) => index.map((i, axis) => first[axis]! + i * stride[axis]!))];
};

const pad: Kernel = ([input, listedPads, fill, listed], { node }) => {
  const x = need(input);
  const axes = (ints(listed) ?? x.shape.map((_, axis) => axis)).map((axis) => front(axis, x.shape.length));
  const pads = ints(listedPads)!;
  const before = x.shape.map(() => 0);
  const shape = [...x.shape];
  axes.forEach((axis, i) => {
    before[axis] = pads[i]!;
    shape[axis] = x.shape[axis]! + pads[i]! + pads[i + axes.length]!;
  });
  const mode = stringAttr(node, "mode", "constant");
  const inside = (row: number, size: number): number | undefined => {
    if (row >= 0 && row < size) return row;
    if (mode === "edge") return row < 0 ? 0 : size - 1;
    if (mode === "wrap") return ((row % size) + size) % size;
    if (mode === "reflect") return row < 0 ? -row : 2 * (size - 1) - row;
    return undefined;
  };
  const strides = stridesOf(x.shape);
  const y = empty(x.dtype, shape, fill?.data[0] ?? 0);
  forEachIndex(shape, (index, flat) => {
    const at = index.map((i, axis) => inside(i - before[axis]!, x.shape[axis]!));
    if (!at.includes(undefined)) y.data[flat] = x.data[offset(at as number[], strides)]!;
  });
  return [y];
};

const expand: Kernel = ([input, target]) => {
  const x = need(input);
  const y = empty(x.dtype, broadcastShapes(x.shape, ints(target)!));
  const strides = stridesOf(x.shape);
  forEachIndex(y.shape, (index, flat) => {
    y.data[flat] = x.data[broadcastOffset(index, x.shape, strides)]!;
  });
  return [y];
};

const tile: Kernel = ([input, repeats]) => {
  const x = need(input);
  const shape = x.shape.map((size, axis) => size * ints(repeats)![axis]!);
  return [copied(x, shape, (index) => index.map((i, axis) => i % x.shape[axis]!))];
};

const depthToSpace: Kernel = ([input], { node }) => {
  const x = need(input);
  const b = intAttr(node, "blocksize", 1);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const deep = c / (b * b);
  const byDepth = stringAttr(node, "mode", "DCR") === "DCR";
  return [
    copied(x, [n, deep, h * b, w * b], ([example = 0, d = 0, row = 0, column = 0]) => {
      const place = (row % b) * b + (column % b);
      return [
        example,
        byDepth ? place * deep + d : d * b * b + place,
        Math.floor(row / b),
        Math.floor(column / b),
      ];
    }),
  ];
};

const spaceToDepth: Kernel = ([input], { node }) => {
  const x = need(input);
  const b = intAttr(node, "blocksize", 1);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  return [
    copied(x, [n, c * b * b, h / b, w / b], ([example = 0, d = 0, row = 0, column = 0]) => {
      const place = Math.floor(d / c);
      return [example, d % c, row * b + Math.floor(place / b), column * b + (place % b)];
    }),
  ];
};

/** Operators that move numbers without changing them. */
export const layout: Record<string, Kernel> = {
  Reshape: reshape,
  Flatten: ([x], { node }) => {
    const axis = front(intAttr(node, "axis", 1), need(x).shape.length);
    return [reshaped(need(x), [sizeOf(need(x).shape.slice(0, axis)), sizeOf(need(x).shape.slice(axis))])];
  },
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Expand: expand,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Dropout: ([x, ratio, training], { node }) => {
    const input = need(x);
    if (training?.data[0] === 1 && (ratio?.data[0] ?? 0.5) !== 0)
      throw new Error(`oracle: random dropout in "${node.name}"`);
    return [input, { dtype: "bool", shape: input.shape, data: input.data.map(() => 1) }];
  },
  Trilu: ([input, k], { node }) => {
    const x = need(input);
    const diagonal = k?.data[0] ?? 0;
    const upper = intAttr(node, "upper", 1) === 1;
    return [
      copied(x, x.shape, (index) => {
        const [row = 0, column = 0] = index.slice(-2);
        return (upper ? column - row >= diagonal : column - row <= diagonal) ? index : undefined;
      }),
    ];
  },
  Shape: ([x]) => [{ dtype: "int64", shape: [need(x).shape.length], data: Float64Array.from(need(x).shape) }],
  ConstantOfShape: ([shape], { node }) => {
    const fill = node.attributes["value"];
    const of = fill?.type === "tensor" ? fill.value : undefined;
    return [empty(of?.dtype ?? "float32", ints(shape)!, of ? numbers(of)[0]! : 0)];
  },
};
