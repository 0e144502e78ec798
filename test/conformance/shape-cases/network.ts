import type { AttributeLike } from "../../../src/graph/builder.ts";
import type { Draw } from "../../kit/draw.ts";
import { fed, filled, ints, type ShapeCases, type ShapeInput, signed } from "../shape-case.ts";

interface Geometry {
  readonly image: number[];
  readonly kernel: number[];
  readonly attributes: Record<string, AttributeLike>;
}

/** A window and an image it fits. Pads stay below the kernel's size, and strides at most it where `pooling`. */
function geometry(
  d: Draw,
  options: { dilated: boolean; rank?: number; explicit?: boolean; pooling?: boolean },
): Geometry {
  const rank = options.rank ?? d.pick([1, 2, 2, 3]);
  const many = (low: number, high: number, count = rank): number[] =>
    Array.from({ length: count }, () => d.int(low, high));
  const kernel = many(1, 3);
  const strides = kernel.map((taps) => d.int(1, options.pooling ? taps : 3));
  const autoPad = options.explicit
    ? "NOTSET"
    : d.pick(["NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]);
  // ONNX Runtime takes no dilation together with SAME padding.
  const dilations = options.dilated && !autoPad.startsWith("SAME") ? many(1, 2) : many(1, 1);
  const pads = [...kernel, ...kernel].map((taps) => d.int(0, taps - 1));
  const image = kernel.map((taps, i) => (taps - 1) * dilations[i]! + 1 + d.int(0, 5));
  return {
    image,
    kernel,
    attributes: {
      strides,
      ...(options.dilated ? { dilations } : {}),
      ...(autoPad === "NOTSET" ? { pads } : { auto_pad: autoPad }),
    },
  };
}

function convCase(
  d: Draw,
  geo: Geometry,
): { inputs: ShapeInput[]; attributes: Record<string, AttributeLike> } {
  const group = d.int(1, 2);
  const [perGroup, filters] = [d.int(1, 3), group * d.int(1, 3)];
  const inputs = [
    fed(d, [d.int(1, 3), perGroup * group, ...geo.image]),
    fed(d, [filters, perGroup, ...geo.kernel]),
  ];
  if (d.bool()) inputs.push(fed(d, [filters]));
  return {
    inputs,
    attributes: { ...geo.attributes, group, ...(d.bool() ? { kernel_shape: geo.kernel } : {}) },
  };
}

export const Conv: ShapeCases = (d) => convCase(d, geometry(d, { dilated: true }));

export const ConvTranspose: ShapeCases = (d) => {
  const geo = geometry(d, { dilated: true, rank: d.int(1, 2) });
  const group = d.int(1, 2);
  const [channels, perGroup] = [group * d.int(1, 3), d.int(1, 3)];
  const inputs = [fed(d, [d.int(1, 3), channels, ...geo.image]), fed(d, [channels, perGroup, ...geo.kernel])];
  if (d.bool()) inputs.push(fed(d, [perGroup * group]));
  const strides = geo.attributes["strides"] as number[];
  const padding = d.bool() ? { output_padding: strides.map((s) => d.int(0, s - 1)) } : {};
  if (d.int(0, 3) > 0) return { inputs, attributes: { ...geo.attributes, ...padding, group } };
  const { pads: _, auto_pad: __, ...rest } = geo.attributes;
  // One less than the unpadded result: ONNX Runtime finds the pads itself.
  const sizes = geo.image.map(
    (size, i) =>
      (size - 1) * strides[i]! + (geo.kernel[i]! - 1) * (rest["dilations"] as number[] | undefined)![i]! + 1,
  );
  return { inputs, attributes: { ...rest, output_shape: sizes.map((size) => Math.max(1, size - 1)), group } };
};

const pool =
  (name: "MaxPool" | "AveragePool"): ShapeCases =>
  (d) => {
    const opset = d.pick([13, 17, 19, 22]);
    const geo = geometry(d, { dilated: name === "MaxPool" || opset >= 19, pooling: true });
    const ceil = geo.attributes["auto_pad"] === undefined ? d.int(0, 1) : 0;
    return {
      inputs: [fed(d, [d.int(1, 3), d.int(1, 3), ...geo.image])],
      attributes: { ...geo.attributes, kernel_shape: geo.kernel, ceil_mode: ceil },
      outputs: name === "MaxPool" ? d.int(1, 2) : 1,
      opset,
    };
  };
export const MaxPool = pool("MaxPool");
export const AveragePool = pool("AveragePool");

const globalPool: ShapeCases = (d) => ({ inputs: [fed(d, d.shape(d.int(3, 5)))] });
export { globalPool as GlobalAveragePool, globalPool as GlobalMaxPool };

export const MaxUnpool: ShapeCases = (d) => {
  const shape = [d.int(1, 2), d.int(1, 2), d.int(1, 4), d.int(1, 4)];
  const kernel = [d.int(2, 3), d.int(2, 3)];
  const places: ShapeInput = { role: "fed", tensor: filled(d, shape, "int64", 0, 0) };
  const larger = [shape[0]!, shape[1]!, ...kernel.map((taps, i) => shape[i + 2]! * taps + 1)];
  return {
    inputs: [fed(d, shape), places, ...(d.bool() ? [ints(larger)] : [])],
    attributes: { kernel_shape: kernel, strides: kernel },
  };
};

export const MatMul: ShapeCases = (d) => {
  const k = d.int(1, 4);
  const batch = d.shape(d.int(0, 2), 3);
  const left = d.pick([[k], [...batch, d.int(1, 4), k]]);
  const right = d.pick([[k], [...d.broadcastable(batch), k, d.int(1, 4)]]);
  return { inputs: [fed(d, left), fed(d, right)] };
};

export const Gemm: ShapeCases = (d) => {
  const [n, k, m] = [d.int(1, 4), d.int(1, 4), d.int(1, 4)];
  const [transA, transB] = [d.int(0, 1), d.int(0, 1)];
  const inputs = [fed(d, transA ? [k, n] : [n, k]), fed(d, transB ? [m, k] : [k, m])];
  if (d.bool()) inputs.push(fed(d, d.pick([[m], [1], [n, m], [1, m], [n, 1], []])));
  return { inputs, attributes: { transA, transB } };
};

export const Einsum: ShapeCases = (d) => {
  const equation = d.pick([
    "ij,jk->ik",
    "ij,jk",
    "bij,bjk->bik",
    "bhqd,bhkd->bhqk",
    "ii->i",
    "ij->",
    "i,j->ij",
    "...ij,...jk->...ik",
    "ijk->kji",
    "a b -> b a",
  ]);
  const size: Record<string, number> = {};
  const batch = d.shape(d.int(1, 2), 3);
  const inputs = equation
    .split("->")[0]!
    .split(",")
    .map((term) => {
      const letters = term.replaceAll(" ", "").replace("...", "").split("");
      return fed(d, [
        ...(term.includes("...") ? batch : []),
        ...letters.map((letter) => (size[letter] ??= d.int(1, 4))),
      ]);
    });
  return { inputs, attributes: { equation } };
};

export const BatchNormalization: ShapeCases = (d) => {
  const shape = d.shape(d.int(2, 5));
  const vector = (): ShapeInput => fed(d, [shape[1]!]);
  return { inputs: [fed(d, shape), vector(), vector(), vector(), vector()] };
};

export const LayerNormalization: ShapeCases = (d) => {
  const shape = d.shape(d.int(1, 4));
  const axis = d.int(0, shape.length - 1);
  const tail = shape.slice(axis);
  const inputs = [fed(d, shape), fed(d, tail)];
  if (d.bool()) inputs.push(fed(d, tail));
  return { inputs, attributes: { axis: signed(d, axis, shape.length) }, outputs: d.int(1, 3) };
};

export const InstanceNormalization: ShapeCases = (d) => {
  const shape = d.shape(d.int(3, 5));
  return { inputs: [fed(d, shape), fed(d, [shape[1]!]), fed(d, [shape[1]!])] };
};

export const GroupNormalization: ShapeCases = (d) => {
  const opset = d.pick([18, 21]);
  const [groups, per] = [d.int(1, 3), d.int(1, 3)];
  const length = opset >= 21 ? groups * per : groups;
  const image = d.shape(d.int(1, 2));
  return {
    inputs: [fed(d, [d.int(1, 3), groups * per, ...image]), fed(d, [length]), fed(d, [length])],
    attributes: { num_groups: groups },
    opset,
  };
};

/** Operators of domain com.microsoft. */
export const microsoft: Readonly<Record<string, ShapeCases>> = {
  FusedMatMul: (d) => {
    const [n, k, m] = [d.int(1, 4), d.int(1, 4), d.int(1, 4)];
    const [transA, transB] = [d.int(0, 1), d.int(0, 1)];
    const batch = d.shape(d.int(0, 2), 3);
    const turned = (turn: number, a: number, b: number): number[] => (turn ? [b, a] : [a, b]);
    return {
      inputs: [
        fed(d, [...batch, ...turned(transA, n, k)]),
        fed(d, [...d.broadcastable(batch), ...turned(transB, k, m)]),
      ],
      attributes: { transA, transB },
    };
  },
  FusedGemm: (d, block) => {
    const drawn = Gemm(d, block);
    return { ...drawn, attributes: { ...drawn.attributes, activation: "Relu" } };
  },
  FusedConv: (d) => {
    const drawn = convCase(d, geometry(d, { dilated: true, rank: 2 }));
    return { inputs: drawn.inputs, attributes: { ...drawn.attributes, activation: "Relu" } };
  },
  SkipLayerNormalization: (d) => {
    const shape = d.shape(3);
    const vector = (): ShapeInput => fed(d, [shape[2]!]);
    const inputs = [fed(d, shape), fed(d, shape), vector()];
    if (d.bool()) inputs.push(vector());
    return { inputs, outputs: d.pick([1, 4]) };
  },
};

/** Operators on blocked layout; channels are multiples of the block's width. */
export const nchwc: Readonly<Record<string, ShapeCases>> = {
  Conv: (d, block) => {
    const geo = geometry(d, { dilated: true, rank: 2, explicit: true });
    const [filters, channels] = [block * d.int(1, 2), block * d.int(1, 2)];
    return {
      inputs: [fed(d, [d.int(1, 2), channels, ...geo.image]), fed(d, [filters, channels, ...geo.kernel])],
      attributes: { ...geo.attributes, kernel_shape: geo.kernel, group: 1, auto_pad: "NOTSET" },
    };
  },
  ReorderInput: (d, block) => ({
    inputs: [fed(d, [d.int(1, 2), block * d.int(1, 2), d.int(1, 4), d.int(1, 4)])],
  }),
  ReorderOutput: (d, block) => {
    const channels = block * d.int(1, 2);
    return { inputs: [fed(d, [d.int(1, 2), channels, d.int(1, 4), d.int(1, 4)])], attributes: { channels } };
  },
};
