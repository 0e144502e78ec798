import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, numbersOf, specOf, tinyTraining } from "../../../test/kit/cells.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { withWeights } from "../../autodiff/flat.ts";
import { writeModel } from "../../onnx/write.node.ts";
import type { Cell } from "../../store/cell.node.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { permute } from "../../symmetry/permute.ts";
import { randomPermutations } from "../../symmetry/permutations.ts";
import { symmetries } from "../../symmetry/symmetries.ts";
import { importModel } from "../import.node.ts";
import { networkOf } from "../network.node.ts";
import type { AlignResult } from "./align.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const data = { set: "synthetic", trainSize: 40, testSize: 30 };
const resultOf = (cell: Cell) => cell.result() as unknown as AlignResult;

/** A trained network, and the same with its units in another order, as files from elsewhere. */
async function permuted(store: Store): Promise<[Cell, Cell]> {
  const run = await finish(store, tinyTraining());
  const { graph, weights } = await networkOf(run);
  const symmetry = symmetries(graph);
  const other = permute(symmetry, randomPermutations(symmetry, 7), weights);
  const path = join(temporaryFolder(), "permuted.onnx");
  await writeModel(withWeights(graph, other), path);
  return [run, await store.get(await importModel(store, path))];
}

describe("an align cell", () => {
  test.each([
    ["weights", {}],
    ["activations", { data, images: 40, batch: 20 }],
    ["ste", { data, steps: 2, batch: 20 }],
  ])("brings a permuted copy back, and proves it: %s", async (method, params) => {
    const store = await openStore(temporaryFolder());
    const [run, other] = await permuted(store);
    const spec = specOf("align", { method, seed: 1, ...params }, { a: run.address, b: other.address });
    const cell = await finish(store, spec);
    const { proof, moved, units, spaces, unproved, objective, start } = resultOf(cell);
    expect((await networkOf(cell)).vector()).toEqual((await networkOf(run)).vector());
    expect(proof).toBeLessThan(1e-5);
    expect([spaces, units, unproved]).toEqual([2, 32, []]);
    expect(moved).toBeGreaterThan(16);
    expect(objective.at(-1)).toBeGreaterThan(start);
    const orders = await numbersOf(cell, "permutations.safetensors");
    expect(Object.values(orders).map((order) => order.toSorted((x, y) => x - y))).toEqual(
      Array.from({ length: 2 }, () => Array.from({ length: 16 }, (_, i) => i)),
    );
  });

  test("leaves a network in its own order alone, and needs images where the method looks at them", async () => {
    const store = await openStore(temporaryFolder());
    const run = await finish(store, tinyTraining());
    const inputs = { a: run.address, b: run.address };
    const cell = await finish(store, specOf("align", { method: "weights", seed: 1 }, inputs));
    expect(resultOf(cell)).toMatchObject({ moved: 0, proof: 0 });
    expect((await networkOf(cell)).data).toMatchObject({ set: "synthetic" });
    await expect(finish(store, specOf("align", { method: "ste", seed: 1 }, inputs))).rejects.toThrow(
      /ste looks at images/,
    );
  });
});
