import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { type FlatLayout, flatLayout, flatten } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";
import { type GradientSource, openGradient } from "../train/gradient.ts";
import { uniform } from "./average.ts";
import { scalableHead } from "./head.ts";
import { type LearnState, learnSoup } from "./learn.ts";
import { mixingGroups, softmax } from "./mixing.ts";

const inputs = 6;
const classes = 3;

/** Softmax regression: x [N, 1, 1, 6] → xW + b. */
function regression(): Graph {
  const g = new Builder();
  const x = g.op("Flatten", [g.input("x", "float32", ["N", 1, 1, inputs])], { axis: 1 });
  const weight = g.parameter(
    constant("weight", float32([inputs, classes], new Float32Array(inputs * classes))),
  );
  const bias = g.parameter(constant("bias", float32([classes], new Float32Array(classes))));
  g.output(g.op("Gemm", [x, weight, bias]));
  return g.finish("regression");
}
const names = ["weight", "bias"];
const size = inputs * classes + classes;

/** Labels drawn from the softmax of planted weights, which are returned too. */
function planted(count: number, seed: number): { images: ImageSource; truth: Float32Array } {
  const truthOf = stream(9, "noise");
  const truth = Float32Array.from({ length: size }, () => truthOf.normal());
  const random = stream(seed, "noise", "images");
  const pixels = Float32Array.from({ length: count * inputs }, () => random.normal());
  const labels = Int32Array.from({ length: count }, (_, row) => {
    const z = Array.from({ length: classes }, (__, k) => {
      let sum = truth[inputs * classes + k]!;
      for (let j = 0; j < inputs; j++) sum += pixels[row * inputs + j]! * truth[j * classes + k]!;
      return sum;
    });
    let left = random.uniform();
    return softmax(z).findIndex((share, k) => (left -= share) < 0 || k === classes - 1);
  });
  return { images: imagesOf(pixels, labels, inputs), truth };
}

function imagesOf(pixels: Float32Array, labels: Int32Array, numbers: number): ImageSource {
  return {
    count: labels.length,
    labels,
    fill: (into, from, count) => into.set(pixels.subarray(from * numbers, (from + count) * numbers)),
  };
}

function noisy(vector: Float32Array, spread: number, seed: number): Float32Array {
  const random = stream(seed, "noise", "weights");
  return vector.map((value) => value + spread * random.normal());
}

async function using<T>(
  source: Promise<GradientSource>,
  use: (source: GradientSource) => Promise<T>,
): Promise<T> {
  const opened = await source;
  try {
    return await use(opened);
  } finally {
    await opened.release();
  }
}

describe("a learned soup of softmax regressions", () => {
  const graph = regression();
  const layout = flatLayout(graph, names);
  const { images, truth } = planted(256, 1);
  const good = noisy(truth, 0.1, 2);
  const bad = truth.map((value) => -2 * value);
  const other = noisy(truth, 1.5, 3);

  test("finds the better member when one is bad, and beats the uniform soup and every member on held-out images", async () => {
    const evaluator = await openEvaluator(await runtime(), graph, names);
    await using(openGradient(await runtime(), graph, names, 32), async (source) => {
      const members = [bad, good, other];
      const head = scalableHead(graph, names);
      const learned = await learnSoup(source, members, [0, 0], images, { layout, steps: 150, seed: 4, head });
      const shares = learned.shares[0]!;
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
      expect(shares[1]).toBeGreaterThan(0.8);
      expect(shares[0]).toBeLessThan(0.1);
      const loss = async (weights: Float32Array): Promise<number> =>
        (await evaluator.evaluate(weights, images)).loss;
      const soup = await loss(learned.average);
      expect(soup).toBeLessThan((await loss(uniform(members))) - 0.1);
      for (const member of members) expect(soup).toBeLessThan((await loss(member)) + 0.005);
      expect(learned.state.losses).toHaveLength(150);
    });
    await evaluator.release();
  });

  test("scales logits that are too small, by the last layer's weights", async () => {
    await using(openGradient(await runtime(), graph, names, 64), async (source) => {
      const shy = truth.map((value) => value / 2);
      const found = await learnSoup(source, [shy], [0, 0], images, {
        layout,
        steps: 200,
        seed: 1,
        head: names,
      });
      expect(found.logitScale).toBeGreaterThan(1.6);
      expect(found.logitScale).toBeLessThan(2.4);
      found.average.forEach((value, i) => expect(value).toBeCloseTo(found.logitScale * shy[i]!, 5));
      const fixed = await learnSoup(source, [shy], [0, 0], images, { layout, steps: 3, seed: 1 });
      expect(fixed.logitScale).toBe(1);
      expect(fixed.average).toEqual(shy);
    });
  });

  test("has the gradient of the loss, for every mixing number and the scale", async () => {
    const few = planted(16, 5).images;
    await using(openGradient(await runtime(), graph, names, 16), async (source) => {
      const from: LearnState = {
        step: 0,
        alpha: [
          [0.3, -0.4, 0.1],
          [1, 0.2, -0.5],
        ],
        logitScale: 1.3,
        mean: [0, 0, 0, 0, 0, 0, 0],
        variance: [0, 0, 0, 0, 0, 0, 0],
        losses: [],
      };
      const options = { layout, steps: 1, seed: 1, head: names };
      const at = async (state: LearnState): Promise<LearnState> =>
        (await learnSoup(source, [good, bad, other], [0, 1], few, { ...options, state })).state;
      const { mean } = await at(from);
      const step = 1e-2;
      const slope = async (move: (by: number) => LearnState): Promise<number> => {
        const [above, below] = [await at(move(step)), await at(move(-step))];
        return (above.losses[0]! - below.losses[0]!) / (2 * step);
      };
      for (let group = 0; group < 2; group++) {
        for (let i = 0; i < 3; i++) {
          const numeric = await slope((by) => ({
            ...from,
            alpha: from.alpha.map((row, g) =>
              row.map((value, j) => (g === group && j === i ? value + by : value)),
            ),
          }));
          // One step of Adam keeps a tenth of the gradient as its mean.
          expect(Math.abs(10 * mean[group * 3 + i]! - numeric)).toBeLessThan(1e-3);
        }
      }
      const scale = await slope((by) => ({ ...from, logitScale: from.logitScale + by }));
      expect(Math.abs(10 * mean[6]! - scale)).toBeLessThan(1e-3);
    });
  });

  test("goes on from a state that went through JSON to the same bits", async () => {
    await using(openGradient(await runtime(), graph, names, 32), async (source) => {
      const options = { layout, seed: 7, head: names };
      const members = [bad, good];
      const whole = await learnSoup(source, members, [0, 1], images, { ...options, steps: 20 });
      const half = await learnSoup(source, members, [0, 1], images, { ...options, steps: 9 });
      const state = JSON.parse(JSON.stringify(half.state)) as LearnState;
      expect(await learnSoup(source, members, [0, 1], images, { ...options, steps: 20, state })).toEqual(
        whole,
      );
      const reseeded = await learnSoup(source, members, [0, 1], images, { ...options, steps: 20, seed: 8 });
      expect(reseeded.state.losses).not.toEqual(whole.state.losses);
    });
  });

  test("counts epochs in full batches, finishes the result, and stops on request", async () => {
    await using(openGradient(await runtime(), graph, names, 100), async (source) => {
      const finish = (weights: Float32Array): Promise<Float32Array> => Promise.resolve(weights.map(() => 7));
      const found = await learnSoup(source, [good], [0, 0], images, { layout, seed: 1, finish });
      expect(found.state.step).toBe(5 * 2);
      expect(found.average).toEqual(new Float32Array(size).fill(7));
      const stopped = learnSoup(
        source,
        [good],
        [0, 0],
        images,
        { layout, seed: 1 },
        AbortSignal.abort(new Error("enough")),
      );
      await expect(stopped).rejects.toThrow("enough");
    });
  });

  test("refuses what does not fit together", async () => {
    await using(openGradient(await runtime(), graph, names, 8), async (source) => {
      const options = { layout, seed: 1, steps: 1 };
      const none = { ...images, count: 0 };
      await expect(learnSoup(source, [], [0, 0], images, options)).rejects.toThrow(
        "there is no network to average",
      );
      await expect(learnSoup(source, [good], [0, 0], none, options)).rejects.toThrow("no held-out images");
      await expect(learnSoup(source, [good.slice(1)], [0, 0], images, options)).rejects.toThrow(
        /found one with 20/,
      );
      await expect(learnSoup(source, [good], [0], images, options)).rejects.toThrow(
        /a group for each of 2 tensors/,
      );
      await expect(learnSoup(source, [good], [0, 0], images, { ...options, head: ["x"] })).rejects.toThrow(
        '"x" should scale the logits, but is not differentiated',
      );
      const wrong = {
        ...images,
        labels: images.labels instanceof Int32Array ? images.labels.map(() => 3) : [],
      };
      await expect(learnSoup(source, [good], [0, 0], wrong, options)).rejects.toThrow(
        "image 0 has label 3, the network tells 3 classes apart",
      );
    });
  });
});

describe("with batch norm", () => {
  const io = { channels: 1, height: 8, width: 8, classes };
  const model = buildModel(modelSpecSchema.parse({ arch: "cnn", widths: [8, 8], norm: "batch" }), io);
  const all = modules(model.graph, "layer");
  const trained = all.flatMap((one) => one.parameters);
  const kept = all.flatMap((one) => one.statistics);
  const layout: FlatLayout = flatLayout(model.graph, [...trained, ...kept]);
  const member = (seed: number): Float32Array => {
    const fresh = initialise(model.parameters, { init: seed, head: seed });
    return flatten(layout, new Map([...fresh].map(([name, data]) => [name, float32([data.length], data)])));
  };
  const random = stream(4, "noise");
  const images = imagesOf(
    Float32Array.from({ length: 32 * 64 }, () => random.normal()),
    Int32Array.from({ length: 32 }, () => random.below(classes)),
    64,
  );

  test.each(["batch", "running"] as const)(
    "learns a share for every module (%s statistics)",
    async (normalization) => {
      const { modules: named, groups } = mixingGroups(model.graph, layout.names, true);
      expect(named).toEqual(all.map((one) => one.name));
      const head = scalableHead(model.graph, layout.names);
      expect(head?.toSorted()).toEqual(["head.bias", "head.weight"]);
      const opened = openGradient(await runtime(), model.graph, trained, 16, { normalization });
      await using(opened, async (source) => {
        const found = await learnSoup(source, [member(1), member(2)], groups, images, {
          layout,
          seed: 1,
          steps: 12,
          head,
        });
        expect(found.shares).toHaveLength(named.length);
        const later = found.state.losses.slice(-2).reduce((a, b) => a + b, 0);
        expect(later).toBeLessThan(found.state.losses[0]! + found.state.losses[1]!);
        // Statistics are mixed with the shares of the module they belong to.
        const last = layout.names.length - 1;
        const at = layout.offsets[last]!;
        const share = found.shares[groups[last]!]!;
        expect(found.average[at]).toBeCloseTo(share[0]! * member(1)[at]! + share[1]! * member(2)[at]!, 6);
      });
    },
  );
});
