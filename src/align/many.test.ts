import { expect, test } from "vitest";
import { residualNetwork } from "../../test/kit/graphs.ts";
import { runtime } from "../../test/kit/ort.ts";
import { addNoise, namesOf, noisy } from "../../test/kit/planted.ts";
import { randomPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import { matchMany } from "./many.ts";

const graph = residualNetwork();
const symmetry = symmetries(graph);
const { parameters, all } = namesOf(graph);
const a = noisy(graph, all, 1, 0.3);

test("shuffled copies of one network all come back to the first's order", async () => {
  const copies = [a, ...[3, 4, 5].map((seed) => permute(symmetry, randomPermutations(symmetry, seed), a))];
  const found = await matchMany(await runtime(), symmetry, copies, { seed: 0, parameters });
  found.permutations.forEach((orders, i) => {
    const back = permute(symmetry, orders, copies[i]!);
    for (const name of all) expect(back.get(name)!.data, `${i} ${name}`).toEqual(a.get(name)!.data);
  });
  expect(found.permutations[0]).toEqual(
    new Map(symmetry.spaces.map(({ id, size }) => [id, expect.objectContaining({ length: size })])),
  );
});

test("the objective never falls, and is that of the answer", async () => {
  const networks = [0, 1, 2].map((seed) =>
    addNoise(permute(symmetry, randomPermutations(symmetry, seed), a), 10 + seed, 1),
  );
  const found = await matchMany(await runtime(), symmetry, networks, { seed: 1, parameters });
  const values = [found.start, ...found.objective];
  expect(values.length).toBeGreaterThan(1);
  values.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(values[i]!));
  const placed = networks.map((network, i) => permute(symmetry, found.permutations[i]!, network));
  let total = 0;
  for (const name of parameters.filter((one) => symmetry.tensors.has(one))) {
    for (let i = 0; i < placed.length; i++) {
      for (let j = 0; j < i; j++) {
        const other = placed[j]!.get(name)!.data as Float32Array;
        (placed[i]!.get(name)!.data as Float32Array).forEach((value, k) => (total += value * other[k]!));
      }
    }
  }
  // Sums of float32 weights are rounded to single precision on the way.
  expect(values.at(-1)! / total).toBeCloseTo(1, 5);
});

test("one network alone is refused", async () => {
  await expect(matchMany(await runtime(), symmetry, [a], { seed: 0, parameters })).rejects.toThrow(
    "nothing to match 1",
  );
});
