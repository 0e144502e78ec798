/**
 * The blocked layout computes the same function and the same gradients as the plain one, on random geometries.
 *
 * All numbers are small integers, so sums are exact in float32 whatever their order, and a ReLU's kink falls on the same
 * side in both layouts: what differs is a mistake, not rounding. FC_RUNS sets the number of random cases.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { relativeError } from "../../test/kit/step.ts";
import { type Draw, drawFrom } from "../../test/kit/draw.ts";
import { differentiate } from "../autodiff/differentiate.ts";
import { stream } from "../base/random.ts";
import { float32, sizeOf, type Tensor, tensor } from "../tensor/tensor.ts";
import { blockedDomain, toBlockedLayout } from "./blocked.ts";
import { Builder } from "./builder.ts";
import type { Graph } from "./graph.ts";

const runs = Number(process.env["FC_RUNS"] ?? 15);
const seed = 20260101;
const batch = 16;

let block = 1;
beforeAll(async () => {
  block = (await runtime()).block;
  if (block === 1) console.warn("skipped: this machine's ONNX Runtime has no blocked convolutions");
});

/** A graph under construction, with the numbers of its inputs. */
interface Sketch {
  readonly g: Builder;
  readonly d: Draw;
  readonly feeds: Record<string, Tensor>;
}

/** An input of random whole numbers in −most … most. */
function whole({ g, d, feeds }: Sketch, name: string, shape: readonly number[], most = 1): string {
  const random = stream(d.int(0, 2 ** 30), "noise");
  feeds[name] = float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.below(2 * most + 1) - most),
  );
  return g.input(name, "float32", shape);
}

/**
 * A convolution of random geometry that fits the image: up to 5×5, strided, dilated, padded unevenly; over all channels,
 * or each for itself.
 */
function convolution(s: Sketch, x: string, channels: number | "depthwise"): string {
  const { g, d } = s;
  const [, inputs = 1, ...image] = g.shape(x);
  const one = image.map((size) => {
    const dilation = d.int(1, 2);
    const kernel = d.int(1, 5);
    const pads = [d.int(0, kernel - 1), d.int(0, kernel - 1)];
    const fits = (kernel - 1) * dilation + 1 <= size + pads[0]! + pads[1]!;
    return fits
      ? { kernel, dilation, stride: d.int(1, 3), pads }
      : { kernel: 1, dilation: 1, stride: 1, pads: [0, 0] };
  });
  const [rows, columns] = [one[0]!, one[1]!];
  const stem = g.fresh("conv");
  const outputs = channels === "depthwise" ? inputs : channels;
  const each = channels === "depthwise" ? 1 : inputs;
  const operands = [x, whole(s, `${stem}.weight`, [outputs, each, rows.kernel, columns.kernel])];
  if (d.bool()) operands.push(whole(s, `${stem}.bias`, [outputs], 3));
  return g.op("Conv", operands, {
    group: inputs / each,
    kernel_shape: [rows.kernel, columns.kernel],
    strides: [rows.stride, columns.stride],
    dilations: [rows.dilation, columns.dilation],
    pads: [rows.pads[0]!, columns.pads[0]!, rows.pads[1]!, columns.pads[1]!],
  });
}

type Layer = (s: Sketch, x: string) => string;

/** What PyTorch writes for "to the end". */
const lastInt64 = 2n ** 63n - 1n;

/** What may lie between convolutions. */
const layers: Readonly<Record<string, Layer>> = {
  conv: (s, x) => convolution(s, x, s.d.pick([16, 32])),
  depthwise: (s, x) => convolution(s, x, "depthwise"),
  relu: ({ g }, x) => g.op("Relu", [x]),
  residual: ({ g }, x) => g.plus(g.op("Relu", [x]), x),
  bias(s, x) {
    const channels = s.g.shape(x)[1]!;
    return s.g.plus(
      x,
      whole(
        s,
        s.g.fresh("shift"),
        s.d.pick([
          [channels, 1, 1],
          [1, channels, 1, 1],
        ]),
      ),
    );
  },
  scale(s, x) {
    const name = whole(s, s.g.fresh("factor"), [s.g.shape(x)[1]!, 1, 1]);
    return s.d.bool() ? s.g.mul(x, name) : s.g.sub(name, x);
  },
  scalar: (s, x) => s.g.mul(whole(s, s.g.fresh("scalar"), s.d.pick([[], [1], [1, 1, 1, 1]]), 3), x),
  imageTerm: (s, x) => s.g.plus(x, whole(s, s.g.fresh("term"), s.g.shape(x).slice(s.d.int(0, 3)))),
  attention: ({ g }, x) => g.mul(x, g.op("GlobalAveragePool", [x])),
  // Added, not subtracted: gradients through what has mean zero are zero, and comparing rounding errors says nothing.
  mean: ({ g, d }, x) =>
    g.plus(x, g.reduceMean(x, d.pick([[2, 3], [-1, -2], [1, 2, 3], [0, 2, 3], [3]]), true)),
  slice({ g, d }, x) {
    const [, , h = 1, w = 1] = g.shape(x);
    const axes = d.pick([
      [2, 3],
      [-2, -1],
    ]);
    const ends = [d.pick([BigInt(h), lastInt64]), d.pick([BigInt(w), BigInt(Math.max(1, w - 1)), lastInt64])];
    const end = g.constant(tensor("int64", [2], BigInt64Array.from(ends)));
    const steps = g.ints([d.int(1, 2), d.int(1, 3)]);
    return g.op("Slice", [x, g.ints([d.int(0, h - 1), 0]), end, g.ints(axes), steps]);
  },
  pad({ g, d }, x) {
    const pads = [0, d.pick([0, 16]), d.int(0, 1), 0, 0, d.pick([0, 16]), d.int(0, 1), d.int(0, 2)];
    const edge = d.bool() ? {} : { mode: "edge" };
    return g.op("Pad", [x, g.ints(pads)], edge);
  },
  // As the shortcut of a residual network that widens without weights.
  padChannels: ({ g, d }, x) => g.op("Pad", [x, g.ints([0, d.pick([0, 32]), 0, 0, 0, 16, 0, 0])]),
  averagePool({ g, d }, x) {
    const [, , h = 1, w = 1] = g.shape(x);
    if (h < 2 || w < 2) return x;
    return g.op("AveragePool", [x], {
      kernel_shape: [2, 2],
      strides: d.pick([
        [2, 2],
        [1, 1],
      ]),
    });
  },
  maxPool({ g }, x) {
    const [, , h = 1, w = 1] = g.shape(x);
    return h < 2 || w < 2 ? x : g.op("MaxPool", [x], { kernel_shape: [2, 2], strides: [2, 2] });
  },
};
/** After these the numbers are no longer whole, and a ReLU might see 0 from either side. */
const rounding = new Set(["attention", "mean", "averagePool"]);
const kinked = new Set(["relu", "residual", "maxPool"]);

/** The graph with the loss Σ w·y appended, and gradients for all inputs. `graph` in either layout. */
function withGradients(graph: Graph, probe: Tensor, wanted: readonly string[]): Graph {
  const g = Builder.from(graph);
  const y = graph.outputs[0]!.name;
  const weighted = g.mul(g.input("probe", "float32", probe.shape), y);
  const loss = g.reduceSum(weighted, [...probe.shape.keys()], false);
  const gradients = differentiate(g, g.nodes.slice(), g.reshape(loss, []), wanted);
  wanted.forEach((name) =>
    g.output(g.op("Identity", [gradients.get(name)!], {}, { names: [`${name}.grad`] })),
  );
  return g.finish("gradients");
}

async function evaluate(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const session = await (await runtime()).session(graph);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Compares both layouts: outputs to 1e-5, gradients of every input to 1e-4, relative to their length. */
async function compare({ g, d, feeds }: Sketch, y: string): Promise<void> {
  g.output(y);
  const graph = g.finish("case");
  const shape = g.shape(y);
  const blocked = toBlockedLayout(graph, block, "inference");
  const [before, after] = [await evaluate(graph, feeds), await evaluate(blocked, feeds)];
  expect(after[y]!.shape).toEqual(shape);
  expect(relativeError(after[y]!, before[y]!)).toBeLessThan(1e-5);

  const random = stream(d.int(0, 2 ** 30), "noise");
  const probe = float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.below(3) - 1),
  );
  const all = { ...feeds, probe };
  const wanted = Object.keys(feeds);
  const plain = await evaluate(withGradients(graph, probe, wanted), all);
  const twin = await evaluate(withGradients(toBlockedLayout(graph, block, "training"), probe, wanted), all);
  const errors = wanted.map((name) => {
    expect(twin[`${name}.grad`]!.shape, name).toEqual(feeds[name]!.shape);
    return [name, relativeError(twin[`${name}.grad`]!, plain[`${name}.grad`]!)] as const;
  });
  expect(errors.filter(([, error]) => !(error < 1e-4))).toEqual([]);
}

function sketch(gen: fc.GeneratorValue, channels: number): { s: Sketch; x: string } {
  const d = drawFrom(gen);
  const s: Sketch = { g: new Builder(d.pick([17, 18])), d, feeds: {} };
  return { s, x: whole(s, "x", [batch, channels, d.int(5, 14), d.int(5, 14)], 2) };
}

describe("blocked layout", () => {
  test.each([3, 16, 32])("one convolution of %d channels, of any geometry", async (channels) => {
    if (block === 1) return;
    const property = fc.asyncProperty(fc.gen(), async (gen) => {
      const { s, x } = sketch(gen, channels);
      const y = convolution(s, x, s.d.pick([16, 32]));
      await compare(s, y);
    });
    await fc.assert(property, { numRuns: runs, seed });
  });

  test.each([16, 32, 48])("one depthwise convolution of %d channels, of any geometry", async (channels) => {
    if (block === 1) return;
    const property = fc.asyncProperty(fc.gen(), async (gen) => {
      const { s, x } = sketch(gen, channels);
      const y = convolution(s, x, "depthwise");
      await compare(s, y);
    });
    await fc.assert(property, { numRuns: runs, seed });
  });

  test("networks of convolutions and all that may lie between them", async () => {
    if (block === 1) return;
    const property = fc.asyncProperty(fc.gen(), async (gen) => {
      const { s, x } = sketch(gen, gen(fc.constantFrom, 3, 16, 32));
      let y = convolution(s, x, 16);
      let rounded = false;
      const count = s.d.int(1, 5);
      for (let i = 0; i < count; i++) {
        const name = s.d.pick(Object.keys(layers).filter((one) => !rounded || !kinked.has(one)));
        rounded ||= rounding.has(name);
        y = layers[name]!(s, y);
      }
      await compare(s, y);
    });
    await fc.assert(property, { numRuns: 2 * runs, seed });
  });

  test.each(Object.keys(layers))("%s between two convolutions", async (name) => {
    if (block === 1) return;
    const property = fc.asyncProperty(fc.gen(), async (gen) => {
      const { s, x } = sketch(gen, 16);
      await compare(s, convolution(s, layers[name]!(s, convolution(s, x, 16)), 16));
    });
    await fc.assert(property, { numRuns: Math.ceil(runs / 5), seed });
  });
});

/** A graph with one 3×3 convolution, its weights an input. */
function small(
  shape: readonly number[],
  outputs: number,
  attributes: Record<string, number | readonly number[]> = {},
): Graph {
  const g = new Builder();
  const x = g.input("x", "float32", shape);
  const w = g.input("w", "float32", [outputs, shape[1]! / Number(attributes["group"] ?? 1), 3, 3]);
  g.output(g.op("Conv", [x, w], attributes));
  return g.finish("small");
}

const convolutionsOf = (graph: Graph): string[] =>
  graph.nodes.filter((node) => node.op === "Conv").map((node) => node.domain);

describe("which convolutions move to the blocked layout", () => {
  test("those whose channels are multiples of the block, and small inputs", () => {
    expect(convolutionsOf(toBlockedLayout(small([16, 16, 8, 8], 32), 16, "training"))).toEqual([
      blockedDomain,
    ]);
    expect(convolutionsOf(toBlockedLayout(small([16, 3, 8, 8], 16), 16, "training"))).toEqual([
      blockedDomain,
    ]);
    expect(convolutionsOf(toBlockedLayout(small([16, 32, 8, 8], 32, { group: 32 }), 16, "training"))).toEqual(
      [blockedDomain],
    );
  });

  test("not those that are grouped, narrow, padded beyond their reach, or of an odd batch in training", () => {
    const plain = [""];
    expect(convolutionsOf(toBlockedLayout(small([16, 32, 8, 8], 32, { group: 2 }), 16, "training"))).toEqual(
      plain,
    );
    expect(convolutionsOf(toBlockedLayout(small([16, 24, 8, 8], 24, { group: 24 }), 16, "training"))).toEqual(
      plain,
    );
    expect(convolutionsOf(toBlockedLayout(small([16, 16, 8, 8], 32, { group: 16 }), 16, "training"))).toEqual(
      plain,
    );
    const gaps = { group: 16, strides: [2, 2], dilations: [2, 2] };
    expect(convolutionsOf(toBlockedLayout(small([16, 16, 8, 8], 16, gaps), 16, "training"))).toEqual(plain);
    expect(convolutionsOf(toBlockedLayout(small([16, 16, 8, 8], 10), 16, "training"))).toEqual(plain);
    expect(convolutionsOf(toBlockedLayout(small([16, 24, 8, 8], 16), 16, "training"))).toEqual(plain);
    expect(
      convolutionsOf(toBlockedLayout(small([16, 16, 8, 8], 16, { pads: [3, 3, 3, 3] }), 16, "training")),
    ).toEqual(plain);
    const odd = small([10, 16, 8, 8], 16);
    expect(toBlockedLayout(odd, 16, "training")).toBe(odd);
    expect(convolutionsOf(toBlockedLayout(odd, 16, "inference"))).toEqual([blockedDomain]);
    expect(toBlockedLayout(odd, 1, "inference")).toBe(odd);
  });
});
