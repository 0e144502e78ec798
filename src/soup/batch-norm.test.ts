import { expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { flatLayout, flatten } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { modules } from "../graph/modules.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import { openRenormalizer } from "../repair/renormalize.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";
import { uniform } from "./average.ts";
import { greedySoup } from "./greedy.ts";

test("an average with batch norm is scored, and returned, with statistics of its own", async () => {
  const spec = modelSpecSchema.parse({ arch: "resnet", depth: 8, norm: "batch" });
  const { graph, parameters } = buildModel(spec, { channels: 1, height: 8, width: 8, classes: 3 });
  const all = modules(graph, "layer");
  const trained = all.flatMap((one) => one.parameters);
  const names = [...trained, ...all.flatMap((one) => one.statistics)];
  const layout = flatLayout(graph, names);
  const vectors = [1, 2, 3].map((seed) => {
    const fresh = initialise(parameters, { init: seed, head: seed });
    return flatten(layout, new Map([...fresh].map(([name, data]) => [name, float32([data.length], data)])));
  });
  const random = stream(1, "noise");
  const pixels = Float32Array.from({ length: 48 * 64 }, () => 2 + 3 * random.normal());
  const images: ImageSource = {
    count: 48,
    labels: Int32Array.from({ length: 48 }, () => random.below(3)),
    fill: (into, from, count) => into.set(pixels.subarray(from * 64, (from + count) * 64)),
  };
  const evaluator = await openEvaluator(await runtime(), graph, names, 16);
  const renormalizer = await openRenormalizer(await runtime(), graph, names, 16);
  try {
    const scored: Float32Array[] = [];
    const accuracy = async (weights: Float32Array): Promise<number> =>
      (await evaluator.evaluate(weights, images)).accuracy;
    const soup = await greedySoup({
      count: 3,
      vectors,
      heldOut: (i) => accuracy(vectors[i]!),
      score: async (average) => {
        scored.push(average);
        // Whatever it is: everything is taken in.
        return 1 + (await accuracy(average));
      },
      accept: ">",
      finish: (weights) => renormalizer.estimate(weights, images),
    });
    expect(soup.members.length).toBeGreaterThan(1);
    expect(scored).toContainEqual(soup.average);
    const mean = uniform(soup.members.map((i) => vectors[i]!));
    expect(soup.average).toEqual(await renormalizer.estimate(mean, images));
    // Parameters are averaged; the statistics are those of these images, not of the members.
    const start = layout.offsets[trained.length]!;
    expect(soup.average.subarray(0, start)).toEqual(mean.subarray(0, start));
    expect(soup.average.subarray(start)).not.toEqual(mean.subarray(start));
    expect(1 + (await accuracy(soup.average))).toBe(soup.heldOut);
  } finally {
    await evaluator.release();
    await renormalizer.release();
  }
});
