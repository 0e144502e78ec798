import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { flatLayout, flatten, withWeights } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";
import { openRepair, type UnitStatistics } from "./repair.ts";
import { repairable } from "./units.ts";

/** Images of normal noise, [count, pixels]. */
function noise(count: number, pixels: number, seed = 1): ImageSource & { readonly data: Float32Array } {
  const random = stream(seed, "noise");
  const data = Float32Array.from({ length: count * pixels }, () => random.normal());
  return {
    count,
    data,
    labels: Int32Array.from({ length: count }, (_, i) => i % 2),
    fill: (into, from, some) => into.set(data.subarray(from * pixels, (from + some) * pixels)),
  };
}

/** One hidden layer of `units` on a vector of two; logits are the units, summed in two ways. */
function tiny(weights: readonly number[], bias: readonly number[]): Graph {
  const units = bias.length;
  const g = new Builder();
  const x = g.input("x", "float32", ["N", 1, 1, 2]);
  const w1 = g.parameter(constant("fc1.weight", float32([2, units], weights)));
  const b1 = g.parameter(constant("fc1.bias", float32([units], bias)));
  const flat = g.op("Flatten", [x], { axis: 1 });
  const h = g.op("Relu", [g.op("Gemm", [flat, w1, b1])]);
  const w2 = g.parameter(
    constant(
      "fc2.weight",
      float32(
        [units, 2],
        Array.from({ length: 2 * units }, (_, i) => 1 + (i % 3)),
      ),
    ),
  );
  g.output(g.op("Gemm", [h, w2], {}, { names: ["logits"] }));
  return g.finish("tiny");
}

const tinyNames = ["fc1.weight", "fc1.bias", "fc2.weight"];

describe("a hand-built layer", () => {
  const images = noise(64, 2);
  // Column by column: unit 0 is x0 in A and x1 in B (uncorrelated but for the sample), unit 1 is 2·x0 + 1 in both.
  const a = tiny([1, 2, 0, 0], [0, 1]);
  const b = tiny([0, 2, 1, 0], [3, 1]);
  const vectors = [a, b].map((graph) => {
    const layout = flatLayout(graph, tinyNames);
    return flatten(layout, new Map(tinyNames.map((name) => [name, graph.initializers.get(name)!.load()])));
  });
  const middle = vectors[0]!.map((value, i) => (value + vectors[1]![i]!) / 2);
  const moments = (column: (i: number) => number): { mean: number; variance: number } => {
    let mean = 0;
    for (let i = 0; i < images.count; i++) mean += column(i) / images.count;
    let variance = 0;
    for (let i = 0; i < images.count; i++) variance += (column(i) - mean) ** 2 / images.count;
    return { mean, variance };
  };
  const x0 = (i: number): number => images.data[2 * i]!;
  const x1 = (i: number): number => images.data[2 * i + 1]!;

  test("the spread of an average of unit-variance units collapses to (1 + ρ)/2 (oracle I.6)", async () => {
    const repair = await openRepair(await runtime(), a, tinyNames, 64);
    const [ofA, ofB, ofMiddle] = [
      await repair.measure(vectors[0]!, images),
      await repair.measure(vectors[1]!, images),
      await repair.measure(middle, images),
    ];
    const s0 = moments(x0);
    const s1 = moments(x1);
    expect(ofA.get("fc1.weight")!.mean[0]).toBeCloseTo(s0.mean, 5);
    expect(ofA.get("fc1.weight")!.variance[0]).toBeCloseTo(s0.variance, 5);
    expect(ofB.get("fc1.weight")!.mean[0]).toBeCloseTo(s1.mean + 3, 5);
    let covariance = 0;
    for (let i = 0; i < 64; i++) covariance += ((x0(i) - s0.mean) * (x1(i) - s1.mean)) / 64;
    expect(ofMiddle.get("fc1.weight")!.variance[0]).toBeCloseTo(
      (s0.variance + s1.variance + 2 * covariance) / 4,
      5,
    );
    // Units that agree do not collapse.
    expect(ofMiddle.get("fc1.weight")!.variance[1]).toBeCloseTo(ofA.get("fc1.weight")!.variance[1]!, 5);
    await repair.release();
  });

  test.each(["in passing", "closed form"])(
    "after REPAIR mean and deviation are those between the ends: %s",
    async (how) => {
      const repair = await openRepair(await runtime(), a, tinyNames, 64);
      const statistics = await Promise.all(vectors.map((vector) => repair.measure(vector, images)));
      const fixed =
        how === "in passing"
          ? await repair.repaired(
              middle,
              statistics.map((one) => ({ coefficient: 0.5, statistics: one })),
              images,
            )
          : await repair.closedForm(
              middle,
              [
                { coefficient: 0.5, weights: vectors[0]! },
                { coefficient: 0.5, weights: vectors[1]! },
              ],
              images,
            );
      // tiny has all its biases: nothing was added, so the repaired vector is one of the original network as well.
      expect(repair.names).toEqual(tinyNames);
      const now = (await repair.measure(fixed, images)).get("fc1.weight")!;
      const ends = statistics.map((one) => one.get("fc1.weight")!);
      for (const unit of [0, 1]) {
        const mean = (ends[0]!.mean[unit]! + ends[1]!.mean[unit]!) / 2;
        const deviation = (Math.sqrt(ends[0]!.variance[unit]!) + Math.sqrt(ends[1]!.variance[unit]!)) / 2;
        expect(now.mean[unit]).toBeCloseTo(mean, 4);
        expect(Math.sqrt(now.variance[unit]!)).toBeCloseTo(deviation, 4);
      }
      await repair.release();
    },
  );
});

const io = { channels: 1, height: 8, width: 8, classes: 2 };
const zoo: readonly (readonly [string, { arch: string; norm?: string; [field: string]: unknown }])[] = [
  ["mlp", { arch: "mlp", hidden: [24, 24] }],
  ["cnn", { arch: "cnn", widths: [16, 16] }],
  ["resnet, fixup", { arch: "resnet", depth: 8 }],
  ["resnet, layer norm", { arch: "resnet", depth: 8, norm: "layer" }],
  ["resnet, batch norm", { arch: "resnet", depth: 8, norm: "batch" }],
  ["vit", { arch: "vit", patch: 4, dim: 16, depth: 2, heads: 2 }],
];

/** A network of the zoo with random weights, none of them zero. */
function network(spec: unknown, seed: number): { graph: Graph; names: string[]; vector: Float32Array } {
  const model = buildModel(modelSpecSchema.parse(spec), io);
  const fresh = initialise(model.parameters, { init: seed, head: seed });
  const random = stream(seed, "noise");
  const weights = new Map(
    model.parameters.map((info) => [
      info.name,
      float32(
        info.shape,
        fresh
          .get(info.name)!
          .map((value) => value + (info.name.includes("var") ? 0.1 : 0.05 * random.normal())),
      ),
    ]),
  );
  const graph = withWeights(model.graph, weights);
  const names = model.parameters.map((info) => info.name);
  return { graph, names, vector: flatten(flatLayout(graph, names), weights) };
}

describe.each(zoo)("%s", (_, spec) => {
  const images = noise(128, 64);
  const a = network(spec, 1);
  const b = network(spec, 2);

  test("a network is its own repair", async () => {
    const repair = await openRepair(await runtime(), a.graph, a.names, 64);
    const own = await repair.measure(a.vector, images);
    // Two halves of itself: an end by itself is not touched at all.
    const half = { coefficient: 0.5, statistics: own };
    const fixed = await repair.repaired(a.vector, [half, half], images);
    const alone = await repair.repaired(a.vector, [{ coefficient: 1, statistics: own }], images);
    if (!repair.statistics) expect(alone).toEqual(repair.extend(a.vector));
    const before = await openEvaluator(await runtime(), repair.graph, repair.names, 64);
    const z = await before.logits(repair.extend(a.vector), images);
    const y = await before.logits(fixed, images);
    const largest = Math.max(...z.map(Math.abs));
    // Batch norm alone may change: its random statistics were never those of these images.
    if (!repair.statistics) {
      expect(Math.max(...z.map((value, i) => Math.abs(value - y[i]!))) / largest).toBeLessThan(0.02);
    }
    expect(y.every(Number.isFinite)).toBe(true);
    await before.release();
    await repair.release();
  });

  test("the spread of every unit half-way is the mean of the ends' again, within 2 %", async () => {
    const repair = await openRepair(await runtime(), a.graph, a.names, 128);
    const statistics = [await repair.measure(a.vector, images), await repair.measure(b.vector, images)];
    const middle = a.vector.map((value, i) => (value + b.vector[i]!) / 2);
    const fixed = await repair.repaired(
      middle,
      statistics.map((one) => ({ coefficient: 0.5, statistics: one })),
      images,
    );
    const again = await openRepair(await runtime(), repair.graph, repair.names, 128);
    const now: UnitStatistics = await again.measure(fixed, images);
    expect(repair.units.length > 0).toBe(spec.arch !== "resnet" || spec.norm !== "batch");
    for (const unit of repair.units) {
      for (let c = 0; c < unit.count; c++) {
        const [p, q] = statistics.map((one) => Math.sqrt(one.get(unit.weight)!.variance[c]! + 1e-5));
        const found = Math.sqrt(now.get(unit.weight)!.variance[c]! + 1e-5);
        expect(Math.abs(found / ((p! + q!) / 2) - 1)).toBeLessThan(0.02);
      }
    }
    await again.release();
    await repair.release();
  });
});

test("layers without a bias get one, and what batch norm follows is left to it", () => {
  const units = (spec: unknown) =>
    repairable(buildModel(modelSpecSchema.parse(spec), io).graph).units.map((unit) => unit.bias);
  expect(units({ arch: "resnet", depth: 8, norm: "batch" })).toEqual([]);
  expect(units({ arch: "resnet", depth: 8 })).toContain("stage1.block1.conv1.bias");
  expect(units({ arch: "mlp", hidden: [3, 3] })).toEqual(["fc1.bias", "fc2.bias"]);
});
