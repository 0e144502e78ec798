import { describe, expect, test } from "vitest";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { openRuntime } from "../../src/runtime/ort.node.ts";
import { openTrainer, type TrainState } from "../../src/train/trainer.ts";
import { recipeSchema } from "../../src/train/recipe.ts";
import { withWeights } from "../../src/autodiff/flat.ts";
import { readRecorded, recordedNames } from "../kit/networks.ts";
import { oneHot, relativeError, rolesOf, runStep } from "../kit/step.ts";

// The bar of the project: whole networks in float32 against PyTorch in float64.
const tolerance = 1e-4;

describe.each(recordedNames("network"))("%s against PyTorch", (name) => {
  test.each([1, 16])("loss, logits, gradients and running statistics (block %d)", async (block) => {
    const recorded = await readRecorded(name);
    const { model } = recorded;
    const result = await runStep(
      model,
      recorded.group("param"),
      recorded.tensor("images"),
      recorded.tensor("labels"),
      block,
    );
    expect(relativeError(result.logits, recorded.tensor("train.logits"))).toBeLessThan(tolerance);
    expect(result.loss).toBeCloseTo(Number(recorded.tensor("train.loss").data[0]), 5);
    const expected = recorded.group("grad");
    expect([...result.gradients.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
    const errors = [...expected].map(([parameter, gradient]) => [
      parameter,
      relativeError(result.gradients.get(parameter)!, gradient),
    ]);
    expect(errors.filter(([, error]) => !(Number(error) < tolerance))).toEqual([]);
    for (const [statistic, value] of recorded.group("after")) {
      const before = recorded.group("param").get(statistic)!;
      expect(
        relativeError(biased(result.statistics.get(statistic)!, before, statistic, recorded), value),
        statistic,
      ).toBeLessThan(tolerance);
    }
  });
});

/** PyTorch puts the unbiased variance into the running one, ONNX the population's: turns ours into PyTorch's. */
function biased(
  ours: Tensor,
  before: typeof ours,
  name: string,
  recorded: Awaited<ReturnType<typeof readRecorded>>,
): typeof ours {
  if (!name.endsWith("running_var")) return ours;
  const n = countAt(name, recorded);
  const data = (ours.data as Float32Array).map((value, i) => {
    const kept = 0.9 * Number(before.data[i]);
    return kept + ((value - kept) * n) / (n - 1);
  });
  return { ...ours, data };
}

/** Numbers per channel a batch norm averages over: batch × image at that layer. */
function countAt(name: string, { model, tensor }: Awaited<ReturnType<typeof readRecorded>>): number {
  const [batch = 1, , height = 1, width = 1] = tensor("images").shape;
  const node = model.graph.nodes.find((one) => one.op === "BatchNormalization" && one.inputs.includes(name))!;
  const [, , h, w] = model.graph.values.get(node.outputs[0]!)!.shape;
  return batch * (typeof h === "number" ? h : height) * (typeof w === "number" ? w : width);
}

describe.each(recordedNames("trajectory"))("%s: five optimiser steps against PyTorch", (name) => {
  test("parameters after every step", async () => {
    const recorded = await readRecorded(name);
    const { model } = recorded;
    const images = recorded.tensor("images");
    const [steps = 0, batch = 0, ...image] = images.shape;
    const size = batch * image.reduce((a, b) => a * b, 1);
    const classes = recorded.io.classes;
    const labels = Array.from(recorded.tensor("labels").data as BigInt64Array, Number);
    const recipe = recipeSchema.parse({ ...recorded.recipe, batch, steps, schedule: { kind: "constant" } });
    const trainer = await openTrainer(
      await openRuntime(),
      withWeights(model.graph, recorded.group("param")),
      rolesOf(model),
      recipe,
      steps,
      {
        fill(t, x, targets) {
          x.set((images.data as Float32Array).subarray(t * size, (t + 1) * size));
          targets.set(oneHot(labels.slice(t * batch, (t + 1) * batch), classes));
        },
      },
    );
    let state: TrainState = trainer.start();
    for (let t = 1; t <= steps; t++) {
      let loss = NaN;
      state = await trainer.advance(state, t, (_, value) => (loss = value));
      expect(loss).toBeCloseTo(Number(recorded.tensor("losses").data[t - 1]), 4);
      const now = trainer.weights(state);
      for (const [parameter, value] of recorded.group(`step${t}`)) {
        // Running variances differ by n/(n−1) from PyTorch's by definition; the single-step test checks them.
        if (parameter.endsWith("running_var")) continue;
        expect(relativeError(now.get(parameter)!, value), `${parameter} after step ${t}`).toBeLessThan(
          tolerance,
        );
      }
    }
    await trainer.release();
  });
});
