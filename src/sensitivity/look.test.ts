import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { flatLayout, flatten, unflatten, withWeights } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { modules } from "../graph/modules.ts";
import { buildModel, modelSpecSchema } from "../models/model.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { lookAtModule } from "./look.ts";
import { openModule } from "./module-run.ts";
import { moduleScale } from "./scale.ts";

const io = { channels: 1, height: 2, width: 2, classes: 3 };
const [hidden, inputs, count] = [5, 4, 60];

/** A tiny perceptron, its initial and final weights, and images of which it knows most. */
function tiny() {
  const model = buildModel(modelSpecSchema.parse({ arch: "mlp", hidden: [hidden] }), io);
  const layout = flatLayout(
    model.graph,
    model.parameters.map(({ name }) => name),
  );
  const drawn = (seed: number): Float32Array => {
    const random = stream(seed, "init", "tiny");
    return Float32Array.from({ length: layout.size }, () => random.normal());
  };
  const [initial, final] = [drawn(1), drawn(2)];
  const random = stream(3, "noise", "images");
  const pixels = Float32Array.from({ length: count * inputs }, () => random.normal());
  const graph = withWeights(model.graph, unflatten(layout, final));
  const weights = unflatten(layout, final);
  const labels = Int32Array.from({ length: count }, (_, i) => {
    const z = perceptron(weights, pixels.subarray(i * inputs, (i + 1) * inputs));
    return i % 6 === 0 ? (z.indexOf(Math.max(...z)) + 1) % 3 : z.indexOf(Math.max(...z));
  });
  const images: ImageSource = {
    count,
    labels,
    fill: (into, from, some) => into.set(pixels.subarray(from * inputs, (from + some) * inputs)),
  };
  return { graph, layout, initial, final, images, pixels, labels, names: layout.names };
}

type Weights = ReturnType<typeof unflatten>;

/** The perceptron written out: logits of one image. */
function perceptron(weights: Weights, x: Float32Array): number[] {
  const [w1, b1, w2, b2] = [...weights.values()].map((one) => one.data as Float32Array) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const units = [...b1].map((bias, u) =>
    Math.max(
      0,
      x.reduce((sum, one, i) => sum + one * w1[u * inputs + i]!, bias),
    ),
  );
  return [...b2].map((bias, k) => units.reduce((sum, one, u) => sum + one * w2[k * hidden + u]!, bias));
}

describe("the mean over draws", () => {
  const { graph, layout, initial, final, images, pixels, labels } = tiny();
  const errorsOf = (weights: Weights): number =>
    labels.reduce((wrong, label, i) => {
      const z = perceptron(weights, pixels.subarray(i * inputs, (i + 1) * inputs));
      return wrong + (z.indexOf(Math.max(...z)) === label ? 0 : 1);
    }, 0) / count;

  test("is that of a plain loop over noise and all images, whichever block a draw looks at", async () => {
    const part = modules(graph, "layer")[0]!;
    const open = await openModule(await runtime(), graph, part.parameters, { block: 10 });
    const weights = unflatten(layout, final);
    const first = unflatten(layout, initial);
    const from = flatten(open.layout, first);
    const until = flatten(open.layout, weights);
    const scale = moduleScale(open.layout, from, until, { noise: "isotropic", seed: 5 });
    const look = await lookAtModule(open, scale, until, images);
    expect(look.final.errors).toBe(10);

    const places = [
      { alpha: 0.5, ratio: 0 },
      { alpha: 0.5, ratio: 0.5 },
      { alpha: 1, ratio: 0.3 },
    ];
    const draws = 1200;
    const sums = places.map(() => [0, 0]);
    for (let draw = 0; draw < draws; draw++) {
      const { excess } = await look.look(draw, places);
      excess.forEach((one, p) => {
        sums[p]![0]! += one;
        sums[p]![1]! += one * one;
      });
    }
    await open.release();

    const random = stream(99, "noise", "plain loop");
    for (const [p, { alpha, ratio }] of places.entries()) {
      const repeats = ratio === 0 ? 1 : 1200;
      const sigma = ratio * Math.sqrt(until.reduce((sum, w) => sum + w * w, 0) / until.length);
      let [plain, squares] = [0, 0];
      for (let i = 0; i < repeats; i++) {
        const moved = until.map((w, k) => (1 - alpha) * from[k]! + alpha * w + sigma * random.normal());
        const excess =
          errorsOf(new Map([...weights, ...unflatten(open.layout, moved)])) - look.final.errors / count;
        plain += excess / repeats;
        squares += excess ** 2 / repeats;
      }
      const mean = sums[p]![0]! / draws;
      if (ratio === 0) {
        expect(mean).toBeCloseTo(plain, 6);
        continue;
      }
      const variance = (sums[p]![1]! / draws - mean ** 2 + squares - plain ** 2) / draws;
      expect(Math.abs(mean - plain) / Math.sqrt(variance), `place ${p}`).toBeLessThan(4);
    }
  });

  test("draws are the same whatever places are looked at beside, and in whatever order", async () => {
    const part = modules(graph, "layer")[0]!;
    const open = await openModule(await runtime(), graph, part.parameters, { block: 10 });
    const until = flatten(open.layout, unflatten(layout, final));
    const scale = moduleScale(open.layout, until, until, { noise: "per-tensor", seed: 5 });
    const look = await lookAtModule(open, scale, until, images);
    const places = [
      { alpha: 1, ratio: 0.5 },
      { alpha: 1, ratio: 2 },
    ];
    const together = await look.look(7, places);
    await look.look(3, places);
    const alone = await look.look(7, [places[1]!]);
    expect(alone.lossExcess[0]).toBe(together.lossExcess[1]);
    // Beyond the last block: the same images, other noise.
    const again = await look.look(13, [places[1]!]);
    expect(again.lossExcess[0]).not.toBe(together.lossExcess[1]);
    await open.release();
  });

  test("under per-tensor noise is the same when a layer is multiplied by a number and the next divided by it; isotropic not", async () => {
    const places = [
      { alpha: 0.5, ratio: 0 },
      { alpha: 0.5, ratio: 0.4 },
      { alpha: 1, ratio: 0.7 },
    ];
    // A power of 2, which floating point numbers bear without rounding: first layer × 4, second weights / 4.
    const rescaled = (vector: Float32Array): Float32Array =>
      vector.map((w, k) => (k < layout.offsets[2]! ? 4 * w : k < layout.offsets[3]! ? w / 4 : w));
    const seen = async (
      noise: "per-tensor" | "isotropic",
      change: (vector: Float32Array) => Float32Array,
    ) => {
      const [start, end] = [initial, final].map((one) => unflatten(layout, change(one)));
      const changed = withWeights(graph, end!);
      const found: (number | number[])[] = [];
      const layers = modules(graph, "layer").map((part) => [...part.parameters]);
      // Each alone, and both as one module.
      for (const parameters of [...layers, layers.flat()]) {
        const open = await openModule(await runtime(), changed, parameters, { block: 60 });
        const [from, until] = [flatten(open.layout, start!), flatten(open.layout, end!)];
        const scale = moduleScale(open.layout, from, until, { noise, seed: 5 });
        const look = await lookAtModule(open, scale, until, images);
        found.push(scale.span);
        for (let draw = 0; draw < 5; draw++) found.push([...(await look.look(draw, places)).lossExcess]);
        await open.release();
      }
      return found;
    };
    const same = (vector: Float32Array): Float32Array => vector;
    expect(await seen("per-tensor", rescaled)).toEqual(await seen("per-tensor", same));
    expect(await seen("isotropic", rescaled)).not.toEqual(await seen("isotropic", same));
  });

  test("needs a block of images, and a network whose loss is a number", async () => {
    const part = modules(graph, "layer")[0]!;
    const open = await openModule(await runtime(), graph, part.parameters, { block: 10 });
    const until = flatten(open.layout, unflatten(layout, final));
    const scale = moduleScale(open.layout, until, until, { noise: "isotropic", seed: 5 });
    await expect(lookAtModule(open, scale, until, { ...images, count: 9 })).rejects.toThrow(
      "a block needs 10 images, there are 9",
    );
    await expect(
      lookAtModule(
        open,
        scale,
        until.map(() => Number.NaN),
        images,
      ),
    ).rejects.toThrow("not numbers");
    await open.release();
  });
});
