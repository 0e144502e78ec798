import { describe, expect, test } from "vitest";
import { parametric, residualNetwork } from "../../test/kit/graphs.ts";
import { runtime } from "../../test/kit/ort.ts";
import { addNoise, namesOf, noisy, plantable } from "../../test/kit/planted.ts";
import type { Graph } from "../graph/graph.ts";
import { randomPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { Matching } from "./matching.ts";
import { matchWeights } from "./weights.ts";

type Weights = ReadonlyMap<string, Tensor>;

function expectSame(found: Weights, wanted: Weights): void {
  for (const [name, tensor] of wanted) expect(found.get(name)!.data, name).toEqual(tensor.data);
}

/** Σ⟨A, P(B)⟩ by the definition, over tensors that carry a space. */
function objectiveOf(graph: Graph, a: Weights, moved: Weights): number {
  const { tensors } = symmetries(graph);
  let total = 0;
  for (const name of namesOf(graph).parameters.filter((one) => tensors.has(one))) {
    const other = moved.get(name)!.data as Float32Array;
    (a.get(name)!.data as Float32Array).forEach((value, i) => (total += value * other[i]!));
  }
  return total;
}

/** Never falls, ends where the definition says, and started there. */
function expectClimb(graph: Graph, a: Weights, b: Weights, found: Matching): void {
  const values = [found.start, ...found.objective];
  values.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(values[i]!));
  const end = objectiveOf(graph, a, permute(symmetries(graph), found.permutations, b));
  const size = Math.abs(objectiveOf(graph, a, a)) + Math.abs(objectiveOf(graph, b, b));
  expect(Math.abs(found.start - objectiveOf(graph, a, b)) / size).toBeLessThan(1e-6);
  expect(Math.abs(values.at(-1)! - end) / size).toBeLessThan(1e-6);
}

describe.each(plantable)("$name: weight matching recovers a planted order", ({ name, load, absent }) => {
  test.each([0, 0.02])("with noise of %d", async (noise) => {
    if (absent) return expect(name).toBe("MobileNetV3 small");
    const graph = await load();
    const symmetry = symmetries(graph);
    const { parameters, all } = namesOf(graph);
    const a = noisy(graph, all, 1, 0.3);
    const planted = permute(symmetry, randomPermutations(symmetry, 5), a);
    const b = noise === 0 ? planted : addNoise(planted, 9, noise);
    const found = await matchWeights(await runtime(), symmetry, a, b, { seed: 0, parameters });
    expectSame(permute(symmetry, found.permutations, planted), a);
    expectClimb(graph, a, b, found);
  });
});
