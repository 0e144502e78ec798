import { describe, expect, test } from "vitest";
import { readRecorded, recordedNames } from "../../test/kit/networks.ts";
import { runtime } from "../../test/kit/ort.ts";
import { namesOf, noisy } from "../../test/kit/planted.ts";
import { randomPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { matchWeights } from "./weights.ts";

type Weights = ReadonlyMap<string, Tensor>;

function expectSame(found: Weights, wanted: Weights): void {
  for (const [name, tensor] of wanted) expect(found.get(name)!.data, name).toEqual(tensor.data);
}

describe("weight matching recovers a planted order", () => {
  test.each(recordedNames("network"))("%s", async (name) => {
    const { model } = await readRecorded(name);
    const symmetry = symmetries(model.graph);
    const { parameters, all } = namesOf(model.graph);
    const a = noisy(model.graph, all, 1, 0.3);
    const b = permute(symmetry, randomPermutations(symmetry, 5), a);
    const found = await matchWeights(await runtime(), symmetry, a, b, { seed: 0, parameters });
    expectSame(permute(symmetry, found.permutations, b), a);
  });
});
