import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import { float32 } from "../tensor/tensor.ts";
import { type Evaluator, type ImageSource, openEvaluator } from "./evaluate.ts";

const classes = 3;
const size = 4;

/** z = xw for images of four numbers [N, 1, 2, 2]; `rows` a number for a model of a fixed batch. */
function linear(rows: number | "N" = "N"): Graph {
  const g = new Builder();
  const x = g.input("x", "float32", [rows, 1, 2, 2]);
  const w = g.parameter(constant("w", float32([size, classes], new Float32Array(size * classes))));
  const z = g.matmul(g.op("Flatten", [x], { axis: 1 }), w);
  g.output(g.op("Add", [z, g.floats([classes], [0, 0, 0.5])], {}, { names: ["logits"] }));
  return g.finish("linear");
}

const weights = Float32Array.from([1, 0, -1, 0.5, 2, 0, -1, 1, 0, 0, -0.5, 2]);

/** `count` images of random quarters with random labels. */
function images(count: number): ImageSource & { readonly pixels: Float32Array } {
  const random = stream(count, "noise");
  const pixels = Float32Array.from({ length: count * size }, () => (random.below(17) - 8) / 4);
  const labels = Int32Array.from({ length: count }, () => random.below(classes));
  return {
    count,
    labels,
    pixels,
    fill: (into, from, some) => into.set(pixels.subarray(from * size, (from + some) * size)),
  };
}

/** Loss, accuracy and predictions by the definition, in double precision. */
function byHand(set: ReturnType<typeof images>): { loss: number; correct: number[]; logits: number[] } {
  let loss = 0;
  const logits: number[] = [];
  const correct = Array.from({ length: set.count }, (_, n) => {
    const z = [0, 0, 0.5].map((bias, k) =>
      Array.from({ length: size }, (__, i) => set.pixels[n * size + i]! * weights[i * classes + k]!).reduce(
        (a, b) => a + b,
        bias,
      ),
    );
    logits.push(...z);
    loss -= z[set.labels[n]!]! - Math.log(z.reduce((sum, one) => sum + Math.exp(one), 0));
    return z.indexOf(Math.max(...z)) === set.labels[n] ? 1 : 0;
  });
  return { loss: loss / set.count, correct, logits };
}

async function using<T>(
  graph: Graph,
  names: readonly string[],
  batch: number,
  use: (evaluator: Evaluator) => Promise<T>,
): Promise<T> {
  const evaluator = await openEvaluator(await runtime(), graph, names, batch);
  try {
    return await use(evaluator);
  } finally {
    await evaluator.release();
  }
}

describe("evaluate", () => {
  test.each([
    ["whole batches", "N", 5, 20],
    ["a last batch that is not full", "N", 8, 21],
    ["one batch that is larger than the set", "N", 64, 7],
    ["a model of a fixed batch", 6, 256, 20],
  ] as const)("gives loss, accuracy and every prediction: %s", async (_, rows, batch, count) => {
    const set = images(count);
    const wanted = byHand(set);
    await using(linear(rows), ["w"], batch, async (evaluator) => {
      const got = await evaluator.evaluate(weights, set);
      expect(got.loss).toBeCloseTo(wanted.loss, 6);
      expect([...got.correct]).toEqual(wanted.correct);
      expect(got.accuracy).toBe(wanted.correct.reduce((a, b) => a + b, 0) / count);
      expect(Array.from(await evaluator.logits(weights, set))).toEqual(wanted.logits);
    });
  });

  test("evaluates many weights with one session, and a set twice to the same bits", async () => {
    const set = images(11);
    await using(linear(), ["w"], 4, async (evaluator) => {
      const one = await evaluator.evaluate(weights, set);
      const zero = await evaluator.evaluate(new Float32Array(size * classes), set);
      expect(zero.loss).toBeCloseTo(
        [...(set.labels as Int32Array)].reduce(
          (sum, k) => sum + Math.log(2 + Math.exp(0.5)) - (k === 2 ? 0.5 : 0),
          0,
        ) / 11,
        6,
      );
      expect(await evaluator.evaluate(weights, set)).toEqual(one);
    });
  });

  test("works with all weights as constants of the graph", async () => {
    const set = images(5);
    const graph = linear();
    const held = {
      ...graph,
      initializers: new Map([...graph.initializers, ["w", constant("w", float32([size, classes], weights))]]),
    };
    await using(held, [], 4, async (evaluator) => {
      expect((await evaluator.evaluate(new Float32Array(0), set)).loss).toBeCloseTo(byHand(set).loss, 6);
    });
  });

  test("takes the first of equal maxima as the prediction", async () => {
    const set = { count: 2, labels: [2, 0], fill: (into: Float32Array) => into.fill(0) };
    await using(linear(), ["w"], 4, async (evaluator) => {
      expect([...(await evaluator.evaluate(weights, set)).correct]).toEqual([1, 0]);
    });
  });

  test("stays finite where softmax alone would overflow", async () => {
    const set = { count: 1, labels: [0], fill: (into: Float32Array) => into.fill(1000) };
    await using(linear(), ["w"], 1, async (evaluator) => {
      // Logits 500, 2500, 1000.5: the loss is the distance to the largest.
      expect((await evaluator.evaluate(weights, set)).loss).toBe(2000);
    });
  });

  test("says so when logits are not numbers, weights do not fit, or there is nothing to look at", async () => {
    await using(linear(), ["w"], 4, async (evaluator) => {
      await expect(
        evaluator.evaluate(
          weights.map(() => Number.NaN),
          images(3),
        ),
      ).rejects.toMatchObject({
        fault: "diverged",
        message: '"linear" gives logits that are not numbers',
      });
      await expect(evaluator.evaluate(new Float32Array(5), images(3))).rejects.toMatchObject({
        fault: "shape",
        message: '"linear" has 12 weights, got 5',
      });
      await expect(evaluator.evaluate(weights, { ...images(3), count: 0 })).rejects.toMatchObject({
        fault: "data",
        message: '"linear" has no images to be evaluated on',
      });
    });
  });

  test("stops between two batches with the signal's reason", async () => {
    const stop = new AbortController();
    let batches = 0;
    const set: ImageSource = {
      ...images(20),
      fill: () => void (++batches === 2 && stop.abort(new Error("enough"))),
    };
    await using(linear(), ["w"], 4, async (evaluator) => {
      await expect(evaluator.evaluate(weights, set, stop.signal)).rejects.toThrow("enough");
      expect(batches).toBe(2);
    });
  });
});

test("a convolutional network's logits do not depend on the layout", async () => {
  const io = { channels: 3, height: 8, width: 8, classes: 5 };
  const model = buildModel(modelSpecSchema.parse({ arch: "cnn", widths: [16, 32], norm: "batch" }), io);
  const numbers = initialise(model.parameters, { init: 3, head: 4 });
  const random = stream(9, "noise");
  const pixels = Float32Array.from({ length: 10 * 192 }, () => random.normal());
  const set: ImageSource = {
    count: 10,
    labels: new Int32Array(10),
    fill: (into, from, count) => into.set(pixels.subarray(from * 192, (from + count) * 192)),
  };
  const names = model.parameters.map((info) => info.name);
  const logits = async (block: number): Promise<Float32Array> => {
    const evaluator = await openEvaluator({ ...(await runtime()), block }, model.graph, names, 4);
    const flat = new Float32Array(evaluator.layout.size);
    names.forEach((name, i) => flat.set(numbers.get(name)!, evaluator.layout.offsets[i]!));
    const all = await evaluator.logits(flat, set);
    await evaluator.release();
    return all;
  };
  const plain = await logits(1);
  const blocked = await logits((await runtime()).block);
  blocked.forEach((z, i) => expect(z).toBeCloseTo(plain[i]!, 4));
});
