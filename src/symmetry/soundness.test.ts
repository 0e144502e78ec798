/** Networks put together at random: whatever the analysis says is free must be, in all of them. */
import { expect, test } from "vitest";
import { parametric } from "../../test/kit/graphs.ts";
import { permuted, relativeDifference } from "../../test/kit/symmetry.ts";
import { type Random, stream } from "../base/random.ts";
import { type Builder, float } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { int64s } from "../tensor/tensor.ts";
import { symmetrySize } from "./describe.ts";
import { randomPermutations } from "./permutations.ts";
import { symmetries } from "./symmetries.ts";

type Parameter = (shape: readonly number[]) => string;

const side = 4;

function pickOf<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
}

/** Turns images [N, C, 4, 4] into other images. */
type Piece = (g: Builder, x: string, p: Parameter, random: Random) => string;

const channelsOf = (g: Builder, x: string): number => g.known(x).shape[1] as number;

const conv: Piece = (g, x, p, random) => {
  const from = channelsOf(g, x);
  const group = pickOf(random, divisors(from));
  const kernel = pickOf(random, [1, 3]);
  const out =
    group *
    pickOf(
      random,
      [1, 2, 3].filter((m) => group * m <= 12 || m === 1),
    );
  return g.op("Conv", [x, p([out, from / group, kernel, kernel]), p([out])], {
    group,
    kernel_shape: [kernel, kernel],
    pads: Array.from({ length: 4 }, () => (kernel - 1) / 2),
  });
};

const activation: Piece = (g, x, _, random) =>
  g.op(pickOf(random, ["Tanh", "Relu", "Sigmoid", "HardSwish"]), [x]);

const groupNorm: Piece = (g, x, p, random) => {
  const channels = channelsOf(g, x);
  const groups = pickOf(random, divisors(channels));
  const ones = g.floats([groups], new Float32Array(groups).fill(1));
  const zeros = g.floats([groups], new Float32Array(groups));
  const y = g.op("Reshape", [x, g.ints([0, groups, (channels / groups) * side * side])]);
  const normal = g.op("InstanceNormalization", [y, ones, zeros], { epsilon: float(0.1) });
  const back = g.op("Reshape", [normal, g.ints([0, channels, side, side])]);
  // Without a shift the mean of the image would be 0, and all that follows rounding.
  return g.plus(g.mul(back, p([channels, 1, 1])), p([channels, 1, 1]));
};

const layerNorm: Piece = (g, x, p) => {
  const channels = channelsOf(g, x);
  const last = g.transpose(x, [0, 2, 3, 1]);
  const y = g.op("LayerNormalization", [last, p([channels]), p([channels])], { epsilon: float(0.1) });
  return g.transpose(y, [0, 3, 1, 2]);
};

const shuffle: Piece = (g, x, _, random) => {
  const channels = channelsOf(g, x);
  const groups = pickOf(random, divisors(channels));
  const y = g.op("Reshape", [x, g.ints([0, groups, channels / groups, side, side])]);
  return g.op("Reshape", [g.transpose(y, [0, 2, 1, 3, 4]), g.ints([0, channels, side, side])]);
};

const soften: Piece = (g, x, _, random) => {
  const channels = channelsOf(g, x);
  const groups = pickOf(random, divisors(channels));
  const y = g.op("Reshape", [x, g.ints([0, groups, channels / groups, side, side])]);
  return g.op("Reshape", [
    g.op("Softmax", [y], { axis: pickOf(random, [1, 2, 3]) }),
    g.ints([0, channels, side, side]),
  ]);
};

/** Channels as heads of units; pixels attend to pixels, or units and heads to each other. */
const attention: Piece = (g, x, _, random) => {
  const channels = channelsOf(g, x);
  const heads = pickOf(random, divisors(channels));
  const size = channels / heads;
  const y = g.op("Reshape", [x, g.ints([0, heads, size, side * side])]);
  const over = pickOf(random, ["pixels", "units", "heads"]);
  if (over === "heads") {
    const flat = g.op("Reshape", [x, g.ints([0, heads, size * side * side])]);
    const shares = g.op("Softmax", [g.matmul(flat, g.transpose(flat, [0, 2, 1]))], { axis: -1 });
    return g.op("Reshape", [g.matmul(shares, flat), g.ints([0, channels, side, side])]);
  }
  const turned = g.transpose(y, [0, 1, 3, 2]);
  const mixed =
    over === "units"
      ? g.matmul(g.op("Softmax", [g.matmul(y, turned)], { axis: -1 }), y)
      : g.matmul(y, g.op("Softmax", [g.matmul(turned, y)], { axis: -1 }));
  return g.op("Reshape", [mixed, g.ints([0, channels, side, side])]);
};

/** Queries, keys and values from one convolution, told apart by Gather or Split; some of them meet in unusual ways. */
const fused: Piece = (g, x, p, random) => {
  const channels = channelsOf(g, x);
  const heads = pickOf(random, divisors(channels));
  const size = channels / heads;
  const all = g.op("Conv", [x, p([3 * channels, channels, 1, 1]), p([3 * channels])], {
    kernel_shape: [1, 1],
  });
  const stacked = g.transpose(
    g.op("Reshape", [all, g.ints([0, 3, heads, size, side * side])]),
    [1, 0, 2, 4, 3],
  );
  const [q, k, v] =
    random.below(2) === 0
      ? [0, 1, 2].map((i) =>
          g.op("Gather", [stacked, g.constant({ ...int64s([i]), shape: [] })], { axis: 0 }),
        )
      : g
          .ops("Split", [stacked, g.ints([1, 1, 1])], { axis: 0 }, { outputs: 3 })
          .map((one) => g.op("Squeeze", [one, g.ints([0])]));
  const scores = g.matmul(q!, g.transpose(k!, [0, 1, 3, 2]));
  let mixed = g.matmul(g.op("Softmax", [scores], { axis: -1 }), v!);
  if (random.below(4) === 0) mixed = g.plus(mixed, q!);
  return g.op("Reshape", [g.transpose(mixed, [0, 1, 3, 2]), g.ints([0, channels, side, side])]);
};

/** The same weights twice in a row. */
const tied: Piece = (g, x, p) => {
  const channels = channelsOf(g, x);
  const weight = p([channels, channels, 1, 1]);
  const once = g.op("Tanh", [g.op("Conv", [x, weight], { kernel_shape: [1, 1] })]);
  return g.op("Conv", [once, weight], { kernel_shape: [1, 1] });
};

/** Channels repeated, as a whole or one by one. */
const repeated: Piece = (g, x, _, random) => {
  const channels = channelsOf(g, x);
  if (channels > 6) return x;
  if (random.below(2) === 0) return g.op("Tile", [x, g.ints([1, 2, 1, 1])]);
  const one = g.op("Unsqueeze", [x, g.ints([2])]);
  const both = g.op("Expand", [one, g.ints([1, channels, 2, side, side])]);
  return g.op("Reshape", [both, g.ints([0, 2 * channels, side, side])]);
};

/** Channels become pixels, and a mean over 2 × 2 of them brings the image back to its size. */
const pixels: Piece = (g, x, p, random) => {
  const channels = channelsOf(g, x);
  const wide = g.op("ConvTranspose", [x, p([channels, 8, 1, 1])], { kernel_shape: [1, 1] });
  const shuffled = g.op("DepthToSpace", [wide], { blocksize: 2, mode: pickOf(random, ["DCR", "CRD"]) });
  return g.op("AveragePool", [shuffled], { kernel_shape: [2, 2], strides: [2, 2] });
};

const gate: Piece = (g, x, p, random) => {
  const channels = channelsOf(g, x);
  const mean =
    random.below(2) === 0
      ? g.op("GlobalAveragePool", [x])
      : g.op("ReduceMax", [x], { axes: [2, 3], keepdims: 1 });
  return g.mul(
    x,
    g.op("Sigmoid", [g.op("Conv", [mean, p([channels, channels, 1, 1])], { kernel_shape: [1, 1] })]),
  );
};

const headScale: Piece = (g, x, p, random) => {
  const channels = channelsOf(g, x);
  const heads = pickOf(random, divisors(channels));
  const y = g.op("Reshape", [x, g.ints([0, heads, channels / heads, side, side])]);
  const scaled =
    random.below(2) === 0 ? g.mul(y, p([heads, 1, 1, 1])) : g.plus(y, p([channels / heads, 1, 1]));
  const summed =
    random.below(3) === 0 ? g.mul(scaled, g.reduceMean(scaled, [pickOf(random, [1, 2])], true)) : scaled;
  return g.op("Reshape", [summed, g.ints([0, channels, side, side])]);
};

const pad: Piece = (g, x, _, random) => {
  if (channelsOf(g, x) > 9) return x;
  return g.op("Pad", [x, g.ints([0, random.below(3), 0, 0, 0, random.below(3), 0, 0])]);
};

const slice: Piece = (g, x, _, random) => {
  const channels = channelsOf(g, x);
  if (channels < 4) return x;
  const start = random.below(3);
  return g.slice(x, [start], [channels - random.below(2)], [1], [pickOf(random, [1, 1, 1, 2])]);
};

const pieces: readonly Piece[] = [
  conv,
  conv,
  conv,
  activation,
  activation,
  groupNorm,
  layerNorm,
  shuffle,
  soften,
  attention,
  fused,
  tied,
  repeated,
  pixels,
  gate,
  headScale,
  pad,
  slice,
];

/** Joins the newest image with an older one. */
function joined(g: Builder, x: string, older: string, p: Parameter, random: Random): string {
  const [own, other] = [channelsOf(g, x), channelsOf(g, older)];
  if (own === other) return g.plus(x, older);
  if (own + other <= 14) {
    const both = g.op("Concat", random.below(2) === 0 ? [x, older] : [older, x], { axis: 1 });
    if (random.below(2) === 0) return both;
    const sizes = [1 + random.below(own + other - 1)];
    const parts = g.ops(
      "Split",
      [both, g.ints([sizes[0]!, own + other - sizes[0]!])],
      { axis: 1 },
      { outputs: 2 },
    );
    return g.op("Concat", parts.toReversed(), { axis: 1 });
  }
  // A projection, as a shortcut has it.
  return g.plus(x, g.op("Conv", [older, p([own, other, 1, 1])], { kernel_shape: [1, 1] }));
}

function randomNetwork(seed: number): Graph {
  const random = stream(seed, "subset");
  const { g, parameter } = parametric();
  let count = 0;
  const p: Parameter = (shape) => parameter(`w${count++}`, shape);
  const x = g.input("x", "float32", ["N", 3, side, side]);
  const width = pickOf(random, [4, 6, 8, 12]);
  const images = [g.op("Conv", [x, p([width, 3, 1, 1]), p([width])], { kernel_shape: [1, 1] })];
  const steps = 3 + random.below(7);
  for (let i = 0; i < steps; i++) {
    const last = images.at(-1)!;
    images.push(
      random.below(4) === 0
        ? joined(g, last, pickOf(random, images), p, random)
        : pickOf(random, pieces)(g, last, p, random),
    );
  }
  const last = images.at(-1)!;
  const flat = g.op("Flatten", [random.below(2) === 0 ? last : g.op("GlobalAveragePool", [last])]);
  g.output(g.matmul(flat, p([g.known(flat).shape[1] as number, 3])));
  return g.finish(`network ${seed}`);
}

const runs = Number(process.env["FC_RUNS"] ?? 100);

test(
  `in ${runs} random networks everything called free is free`,
  { timeout: 60_000 + runs * 500 },
  async () => {
    let free = 0;
    for (let seed = 0; seed < runs; seed++) {
      const graph = randomNetwork(seed);
      const symmetry = symmetries(graph);
      if (symmetry.spaces.length > 0) free++;
      for (const orders of [1, 2]) {
        const other = permuted(graph, symmetry, randomPermutations(symmetry, orders));
        // Up to ten layers of float32 sums in another order, softmaxes of large numbers among them.
        expect(await relativeDifference(graph, other), `network ${seed}`).toBeLessThan(1e-4);
      }
      expect(symmetrySize(symmetry).log10).toBeGreaterThanOrEqual(0);
    }
    // The pieces leave something free more often than not, or this test would say nothing.
    expect(free / runs).toBeGreaterThan(0.7);
  },
);
