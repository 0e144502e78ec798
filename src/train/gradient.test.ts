import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { flatten, withWeights } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { openGradient } from "./gradient.ts";

const io = { channels: 1, height: 8, width: 8, classes: 3 };

describe("openGradient", () => {
  test.each([
    ["no normalisation", { arch: "cnn", widths: [16, 16] }, undefined],
    ["batch norm of the batch", { arch: "resnet", depth: 8, norm: "batch" }, "batch"],
    ["batch norm with running statistics", { arch: "resnet", depth: 8, norm: "batch" }, "running"],
  ] as const)("agrees with central differences: %s", async (_, spec, normalization) => {
    const model = buildModel(modelSpecSchema.parse(spec), io);
    const fresh = initialise(model.parameters, { init: 1, head: 1 });
    const weights = new Map(
      model.parameters.map((info) => [info.name, float32(info.shape, fresh.get(info.name)!)]),
    );
    const names = model.parameters.filter((info) => info.role === "trainable").map((info) => info.name);
    const source = await openGradient(
      await runtime(),
      withWeights(model.graph, weights),
      names,
      16,
      normalization === undefined ? {} : { normalization },
    );
    const random = stream(3, "noise");
    const images = Float32Array.from({ length: sizeOf(source.inputShape) }, () => random.normal());
    const targets = new Float32Array(sizeOf(source.targetShape));
    for (let row = 0; row < 16; row++) targets[row * io.classes + random.below(io.classes)] = 1;
    const theta = flatten(source.layout, weights);
    const statistics = flatten(source.statistics, weights);
    expect(source.statistics.size > 0).toBe(normalization === "running");

    const { gradient } = await source.gradient(theta, statistics, images, targets);
    // Along the gradient itself, where float32 differences are largest against their rounding.
    const norm = Math.hypot(...gradient);
    const direction = gradient.map((value) => value / norm);
    const step = 3e-3;
    const at = async (t: number): Promise<number> =>
      (
        await source.gradient(
          theta.map((value, i) => value + t * direction[i]!),
          statistics,
          images,
          targets,
        )
      ).loss;
    const slope = ((await at(step)) - (await at(-step))) / (2 * step);
    expect(Math.abs(slope - norm) / norm).toBeLessThan(2e-2);
    await source.release();
  });

  test("a diverged network and wrong sizes are refused", async () => {
    const model = buildModel(modelSpecSchema.parse({ arch: "mlp", hidden: [4] }), io);
    const names = model.parameters.map((info) => info.name);
    const source = await openGradient(await runtime(), model.graph, names, 2);
    const images = new Float32Array(2 * 64).fill(1);
    const targets = new Float32Array(6).fill(1 / 3);
    const none = new Float32Array(0);
    await expect(source.gradient(none, none, images, targets)).rejects.toThrow(/numbers as weights, got 0/);
    const broken = new Float32Array(source.layout.size).fill(Number.NaN);
    await expect(source.gradient(broken, none, images, targets)).rejects.toThrow(/the loss of .* is NaN/);
    await source.release();
  });
});
