import { expect, test } from "vitest";
import { readRecorded } from "../../test/kit/networks.ts";
import { runtime } from "../../test/kit/ort.ts";
import { addNoise, namesOf, noisy } from "../../test/kit/planted.ts";
import { stream } from "../base/random.ts";
import { randomPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import type { BatchSource } from "../train/trainer.ts";
import { straightThrough, type StraightThroughOptions } from "./straight-through.ts";

const { model } = await readRecorded("mlp");
const { graph } = model;
const symmetry = symmetries(graph);
const { parameters, all } = namesOf(graph);
const options: StraightThroughOptions = { steps: 12, seed: 0, parameters, batch: 16, learningRate: 0.02 };

/** Batches of noise; what the labels are follows from it. */
const source: BatchSource = {
  fill(t, images, targets) {
    const random = stream(t, "noise", "batch");
    for (let i = 0; i < images.length; i++) images[i] = random.normal();
    targets.fill(0);
    const { classes } = model.io;
    const size = images.length / (targets.length / classes);
    for (let row = 0; row * classes < targets.length; row++) {
      const mean = images.slice(row * size, row * size + 8).reduce((sum, value) => sum + value, 0);
      targets[row * classes + (mean > 0 ? 1 : 0)] = 1;
    }
  },
};

test("recovers a planted order", async () => {
  const a = noisy(graph, all, 1, 0.3);
  const b = permute(symmetry, randomPermutations(symmetry, 5), a);
  const found = await straightThrough(await runtime(), graph, all, symmetry, a, b, source, {
    ...options,
    steps: 2,
  });
  const back = permute(symmetry, found.permutations, b);
  for (const [key, tensor] of a) expect(back.get(key)!.data, key).toEqual(tensor.data);
});

test.each([
  { optimizer: "adam", points: "midpoint" },
  { optimizer: "sgd", points: "random", learningRate: 0.5 },
] as const)("is never worse half-way than weight matching alone, and repeats: %o", async (more) => {
  const a = noisy(graph, all, 1, 0.3);
  const b = addNoise(noisy(graph, all, 2, 2), 3, 2);
  const run = async (): ReturnType<typeof straightThrough> =>
    straightThrough(await runtime(), graph, all, symmetry, a, b, source, { ...options, ...more });
  const found = await run();
  const { objective } = found;
  // The first is weight matching.
  expect(objective.length).toBeGreaterThan(1);
  objective.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(objective[i]!));
  expect(await run()).toEqual(found);
  const longer: number[] = [];
  await straightThrough(await runtime(), graph, all, symmetry, a, b, source, {
    ...options,
    ...more,
    steps: 3,
    onStep: (_, loss) => longer.push(loss),
  });
  expect(longer).toHaveLength(3);
});

test("without a parameter to match there is nothing to do", async () => {
  const a = noisy(graph, all, 1, 0.3);
  await expect(straightThrough(await runtime(), graph, [], symmetry, a, a, source, options)).rejects.toThrow(
    "none of the parameters",
  );
});
