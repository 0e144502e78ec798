import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, specOf, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { readRecipe } from "../../soup/recipe.ts";
import type { Cell } from "../../store/cell.node.ts";
import { addressOf, type CellSpec } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { runCell } from "../../sweep/run-cell.node.ts";
import { readLogits } from "../logits.node.ts";
import { networkOf } from "../network.node.ts";
import { averageCell, type AverageResult } from "./average.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const data = { set: "synthetic", trainSize: 40, testSize: 30 };
const judge = { data, heldOut: { images: 32, seed: 0 }, test: {} };

/** Small networks fine-tuned from one by other orders. */
async function members(store: Store, count = 3, options: TinyOptions = {}): Promise<Cell[]> {
  const start = await finish(store, tinyTraining(options));
  const cells: Cell[] = [];
  for (let order = 1; order <= count; order++) {
    const seeds = { init: 1, head: 2, order, augmentation: 4 };
    cells.push(
      await finish(store, tinyTraining({ ...options, head: "kept", seeds }, { start: start.address })),
    );
  }
  return cells;
}

const inputsOf = (cells: readonly Cell[]) =>
  Object.fromEntries(cells.map((cell, i) => [`m${i}`, cell.address]));
const averageOf = (params: object, inputs: Record<string, string>): CellSpec =>
  specOf("average", { ...judge, renormalize: { images: 40, batch: 20 }, ...params }, inputs);
const resultOf = (cell: Cell) => cell.result() as unknown as AverageResult;

describe("a logits cell", () => {
  test("keeps what a network says of held-out and test images, scored as the run itself did", async () => {
    const store = await openStore(temporaryFolder());
    const run = await finish(store, tinyTraining());
    const cell = await finish(store, specOf("logits", judge, { n0: run.address }));
    const { accuracy, loss } = run.result() as { accuracy: number; loss: number };
    expect(cell.result()).toMatchObject({
      test: { images: 30, accuracy, loss: expect.closeTo(loss, 5) as number },
      heldOut: { images: 32 },
    });
    const { heldOut, test: judged, classes } = await readLogits(cell);
    expect(heldOut.logits).toHaveLength(32 * classes);
    expect(judged.labels).toHaveLength(30);
  });
});

describe("an average cell", () => {
  test("of one kind and another: uniform, fixed, greedy, learned", async () => {
    const store = await openStore(temporaryFolder());
    const cells = await members(store);
    const networks = await Promise.all(cells.map(networkOf));
    const size = networks[0]!.parameters.reduce(
      (sum, name) => sum + networks[0]!.weights.get(name)!.data.length,
      0,
    );
    const parametersOf = async (cell: Cell) => (await networkOf(cell)).vector().subarray(0, size);

    const uniform = await finish(store, averageOf({ method: "uniform" }, inputsOf(cells)));
    (await parametersOf(uniform)).forEach((value, i) => {
      expect(value).toBeCloseTo(networks.reduce((sum, one) => sum + one.vector()[i]!, 0) / 3, 6);
    });
    expect(resultOf(uniform)).toMatchObject({
      method: "uniform",
      members: 3,
      statistics: "re-estimated",
      heldOut: { images: 32, seen: "no" },
      test: { images: 30 },
    });

    const end = await finish(store, averageOf({ method: "fixed", coefficients: [0, 1, 0] }, inputsOf(cells)));
    expect((await networkOf(end)).vector()).toEqual(networks[1]!.vector());
    expect(resultOf(end)).toMatchObject({ members: 1, coefficients: [0, 1, 0] });

    const greedy = await finish(store, averageOf({ method: "greedy" }, inputsOf(cells)));
    const { heldOut, growth, best, members: taken, coefficients } = resultOf(greedy);
    expect(heldOut.accuracy).toBeGreaterThanOrEqual(best!.heldOut);
    expect(growth).toHaveLength(3);
    expect(coefficients!.filter((share) => share > 0)).toHaveLength(taken);
    expect(growth!.at(-1)!.soup).toBeCloseTo(heldOut.accuracy, 6);

    for (const perModule of [false, true]) {
      const learned = await finish(
        store,
        averageOf({ method: "learned", learned: { perModule, epochs: 2, batch: 16 } }, inputsOf(cells)),
      );
      const { mixing, logitScale } = resultOf(learned);
      expect(mixing!.length).toBe(perModule ? new Set(mixing!.map((row) => row.module)).size : 1);
      for (const { weights } of mixing!)
        expect(weights.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
      expect(logitScale).toBeGreaterThan(0);
    }
  });

  test("takes members' scores from their logits, and refuses those of another network", async () => {
    const store = await openStore(temporaryFolder());
    const cells = await members(store, 2);
    const logits: Cell[] = [];
    for (const cell of cells) logits.push(await finish(store, specOf("logits", judge, { n0: cell.address })));
    const [l0, l1] = logits.map((cell) => cell.address) as [string, string];
    const plain = await finish(store, averageOf({ method: "greedy" }, inputsOf(cells)));
    const quick = await finish(store, averageOf({ method: "greedy" }, { ...inputsOf(cells), l0, l1 }));
    expect(quick.result()).toEqual(plain.result());
    await expect(
      finish(store, averageOf({ method: "greedy" }, { ...inputsOf(cells), l0: l1, l1: l0 })),
    ).rejects.toThrow(/logits of another network than m0/);
  });

  test("over the moments of a run: swa is their mean, and the recipe is in the file", async () => {
    const store = await openStore(temporaryFolder());
    const run = await finish(store, tinyTraining({ keep: [1, 2, 4, 6], recipe: { steps: 12 } }));
    const swa = await finish(store, averageOf({ method: "swa", from: 4 }, { m0: run.address }));
    expect(resultOf(swa)).toMatchObject({ steps: [4, 8, 12], members: 3 });
    const network = await networkOf(swa);
    expect(readRecipe(network.graph.metadata, "model.onnx")).toMatchObject({
      method: "swa",
      settings: { from: 4 },
      statistics: "re-estimated",
      members: [4, 8, 12].map((step) => ({
        name: expect.stringContaining(`at step ${step}`) as string,
        cell: run.address,
        coefficient: expect.closeTo(1 / 3, 12) as number,
      })),
    });
    const ema = await finish(store, averageOf({ method: "ema", decay: 0.5 }, { m0: run.address }));
    expect(resultOf(ema).coefficients).toEqual([1 / 8, 1 / 8, 1 / 4, 1 / 2]);
    await expect(finish(store, averageOf({ method: "swa", from: 13 }, { m0: run.address }))).rejects.toThrow(
      /kept no weights from step 13/,
    );
  });

  test("says when the members saw the held-out images, or nobody knows", async () => {
    const store = await openStore(temporaryFolder());
    const all = { set: "synthetic", testSize: 30 };
    const [saw] = await members(store, 1, { data: all, recipe: { steps: 2 } });
    const [other] = await members(store, 1, { data: { ...data, subsetSeed: 9 }, recipe: { steps: 2 } });
    const seen = async (cell: Cell, own: object) =>
      resultOf(
        await finish(
          store,
          averageOf({ method: "uniform", data: own }, { m0: cell.address, m1: cell.address }),
        ),
      ).heldOut.seen;
    expect(await seen(saw!, all)).toBe("yes");
    expect(await seen(other!, data)).toBe("unknown");
  });

  test.each([
    ["greedy", { method: "greedy" }],
    ["learned", { method: "learned", learned: { epochs: 6, batch: 8 } }],
  ])("stopped and taken up again has the same bytes: %s", async (_, params) => {
    const bytes = ({ dir }: Cell) =>
      readdirSync(dir)
        .filter((name) => name !== "cost.json")
        .map((name) => [name, readFileSync(join(dir, name)).toString("hex")]);
    const store = await openStore(temporaryFolder());
    const cells = await members(store);
    const spec = averageOf(params, inputsOf(cells));
    const wanted = bytes(await finish(store, spec));
    const other = await openStore(temporaryFolder());
    await members(other);
    for (const stopAt of [1, 4, 5, Infinity]) {
      const stop = new AbortController();
      await runCell(spec, {
        store: other,
        kinds: { average: averageCell },
        signal: stop.signal,
        onProgress({ done }) {
          if (done >= stopAt) stop.abort(new Error("stopped by the test"));
        },
      });
    }
    expect(bytes(await other.get(addressOf(spec)))).toEqual(wanted);
  });

  test("refuses what it cannot average", async () => {
    const store = await openStore(temporaryFolder());
    const run = await finish(store, tinyTraining({ recipe: { steps: 2 } }));
    const two = { m0: run.address, m1: run.address };
    await expect(finish(store, averageOf({ method: "uniform" }, {}))).rejects.toThrow(
      /no network to average/,
    );
    await expect(finish(store, averageOf({ method: "fixed", coefficients: [1] }, two))).rejects.toThrow(
      /2 networks needs as many coefficients, got 1/,
    );
    await expect(finish(store, averageOf({ method: "swa" }, two))).rejects.toThrow(
      /training of one run, got 2/,
    );
    await expect(finish(store, averageOf({ method: "swa" }, { m0: run.address }))).rejects.toThrow(
      /kept no weights/,
    );
  });
});
