import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { flatLayout, flatten, withWeights } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";
import { type Batched, patchTask, trainBriefly } from "../../test/kit/brief.ts";
import { openRenormalizer } from "./renormalize.ts";

/** Two normalisations with a 1×1 convolution and a ReLU before each, one channel, on images of four pixels. */
function twice(): Graph {
  const g = new Builder();
  const one = (name: string, value: number): string => g.parameter(constant(name, float32([1], [value])));
  let y = g.input("x", "float32", ["N", 1, 2, 2]);
  for (const [i, w] of [
    [1, -1.5],
    [2, 0.7],
  ] as const) {
    const weight = g.parameter(constant(`conv${i}.weight`, float32([1, 1, 1, 1], [w])));
    y = g.op("Conv", [y, weight, one(`conv${i}.bias`, 0.3 * i)]);
    y = g.op(
      "BatchNormalization",
      [
        y,
        one(`norm${i}.weight`, 1.2),
        one(`norm${i}.bias`, -0.4),
        one(`norm${i}.mean`, 9),
        one(`norm${i}.var`, 5),
      ],
      { epsilon: { type: "float", value: 1e-5 } },
    );
    y = g.op("Relu", [y]);
  }
  const head = g.parameter(constant("fc.weight", float32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])));
  g.output(g.op("MatMul", [g.op("Flatten", [y], { axis: 1 }), head], {}, { names: ["logits"] }));
  return g.finish("twice");
}

const names = [1, 2]
  .flatMap((i) => [`conv${i}.weight`, `conv${i}.bias`, `norm${i}.weight`, `norm${i}.bias`])
  .concat(["fc.weight", "norm1.mean", "norm1.var", "norm2.mean", "norm2.var"]);

function pixels(count: number): ImageSource & { readonly data: Float32Array } {
  const random = stream(5, "noise");
  const data = Float32Array.from({ length: count * 4 }, () => random.normal() + 0.2);
  return {
    count,
    data,
    labels: new Int32Array(count),
    fill: (into, from, some) => into.set(data.subarray(from * 4, (from + some) * 4)),
  };
}

/** Statistics by the definition in double precision: batches in turn, every layer normalised by the batch's own. */
function byHand(data: Float32Array, batch: number): number[] {
  const batches = Math.floor(data.length / 4 / batch);
  const sums = [0, 0, 0, 0];
  for (let at = 0; at < batches; at++) {
    let y = Array.from(data.subarray(at * batch * 4, (at + 1) * batch * 4));
    [
      [-1.5, 0.3],
      [0.7, 0.6],
    ].forEach(([w, b], layer) => {
      y = y.map((value) => w! * value + b!);
      const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
      const variance = y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / y.length;
      sums[2 * layer]! += mean / batches;
      sums[2 * layer + 1]! += variance / batches;
      y = y.map((value) => Math.max(0, ((value - mean) / Math.sqrt(variance + 1e-5)) * 1.2 - 0.4));
    });
  }
  return sums;
}

describe("openRenormalizer", () => {
  test.each([
    [10, 40],
    [10, 47],
    [16, 64],
  ])("averages every batch's own statistics: batches of %i from %i images", async (batch, count) => {
    const graph = twice();
    const images = pixels(count);
    const vector = flatten(
      flatLayout(graph, names),
      new Map(names.map((name) => [name, graph.initializers.get(name)!.load()])),
    );
    const one = await openRenormalizer(await runtime(), graph, names, batch);
    expect(one.needed).toBe(true);
    const renewed = await one.estimate(vector, images);
    const wanted = byHand(images.data, batch);
    wanted.forEach((value, i) => expect(renewed[renewed.length - 4 + i]).toBeCloseTo(value, 4));
    expect(renewed.subarray(0, -4)).toEqual(vector.subarray(0, -4));
    expect(vector.at(-1)).toBe(5);
    // What was there before has no part in it, not even when it is not a number.
    const spoiled = vector.slice();
    spoiled.fill(Number.NaN, -4);
    expect(await one.estimate(spoiled, images)).toEqual(renewed);
    await expect(one.estimate(vector, pixels(batch - 1))).rejects.toThrow(/at least \d+ images/);
    await one.release();
  });

  test("leaves a network without batch norm alone", async () => {
    const model = buildModel(modelSpecSchema.parse({ arch: "mlp", hidden: [3] }), {
      channels: 1,
      height: 2,
      width: 2,
      classes: 2,
    });
    const own = model.parameters.map((info) => info.name);
    const one = await openRenormalizer(await runtime(), model.graph, own, 4);
    expect(one.needed).toBe(false);
    const vector = Float32Array.from({ length: 100 }, (_, i) => i);
    const copy = await one.estimate(vector, pixels(8));
    expect(copy).toEqual(vector);
    expect(copy).not.toBe(vector);
    await one.release();
  });

  test("half-way between two trained networks stale statistics cost accuracy, new ones give it back", async () => {
    const io = { channels: 1, height: 8, width: 8, classes: 2 };
    const model = buildModel(modelSpecSchema.parse({ arch: "cnn", widths: [16, 16], norm: "batch" }), io);
    const set: Batched = patchTask(io, 256);
    const all = model.parameters.map((info) => info.name);
    const ends: Float32Array[] = [];
    for (const seed of [1, 2]) {
      const fresh = initialise(model.parameters, { init: seed, head: seed });
      const weights = new Map(
        model.parameters.map((info) => [info.name, float32(info.shape, fresh.get(info.name)!)]),
      );
      const trained = await trainBriefly(withWeights(model.graph, weights), model.parameters, set, 60);
      ends.push(flatten(flatLayout(model.graph, all), trained));
    }
    const middle = ends[0]!.map((value, i) => (value + ends[1]![i]!) / 2);
    const one = await openRenormalizer(await runtime(), model.graph, all, 64);
    const evaluator = await openEvaluator(await runtime(), model.graph, all, 64);
    const loss = async (weights: Float32Array): Promise<number> =>
      (await evaluator.evaluate(weights, set.images)).loss;
    expect(await loss(await one.estimate(middle, set.images))).toBeLessThan(0.8 * (await loss(middle)));
    // At an end there is little to win: its running statistics are nearly those of the set.
    expect(await loss(await one.estimate(ends[0]!, set.images))).toBeLessThan(0.1);
    await evaluator.release();
    await one.release();
  });
});
