import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, specOf, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import type { Cell } from "../../store/cell.node.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { keptNetworks, networkOf } from "../network.node.ts";
import { initialSpec } from "./initial.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A run, the network it kept at epoch 0, and the cell that says how it began. */
async function begin(
  store: Store,
  options: TinyOptions = {},
  inputs: Readonly<Record<string, string>> = {},
): Promise<{ run: Cell; initial: Cell }> {
  const run = await finish(store, tinyTraining({ keep: [0], ...options }, inputs));
  const initial = await finish(store, await initialSpec(run, store));
  return { run, initial };
}

async function expectSame(run: Cell, initial: Cell): Promise<void> {
  const [kept] = await keptNetworks(run);
  const found = await networkOf(initial);
  expect(kept!.step).toBe(0);
  expect(found.vector()).toEqual(kept!.vector());
  expect(found).toMatchObject({ names: kept!.names, data: kept!.data, classNames: kept!.classNames });
}

describe("an initial cell holds the bits a run kept at its first step", () => {
  test("from random weights", async () => {
    const store = await openStore(temporaryFolder());
    const { run, initial } = await begin(store);
    await expectSame(run, initial);
    expect((await networkOf(initial)).vector()).not.toEqual((await networkOf(run)).vector());
  });

  test.each(["new", "kept"] as const)("from another network, head %s", async (head) => {
    const store = await openStore(temporaryFolder());
    const start = await finish(store, tinyTraining());
    const seeds = { init: 5, head: 6, order: 7, augmentation: 8 };
    const { run, initial } = await begin(store, { head, seeds }, { start: start.address });
    await expectSame(run, initial);
    expect(initial.spec.inputs).toEqual({ run: run.address, start: start.address });
  });

  test("a run that goes on from a state began where that one did", async () => {
    const store = await openStore(temporaryFolder());
    const first = await finish(store, tinyTraining({ keep: [0], until: 4 }));
    const second = await finish(store, tinyTraining({ until: 8, head: "kept" }, { state: first.address }));
    const third = await finish(store, tinyTraining({ head: "kept" }, { state: second.address }));
    const spec = await initialSpec(third, store);
    expect(spec).toEqual(await initialSpec(first, store));
    await expectSame(first, await finish(store, spec));
  });

  test("refuses what is no training run, and inputs that contradict it", async () => {
    const store = await openStore(temporaryFolder());
    const { run, initial } = await begin(store, { recipe: { steps: 2 } });
    await expect(initialSpec(initial, store)).rejects.toThrow(/is of kind "initial", not a training run/);
    await expect(
      finish(store, specOf("initial", {}, { run: run.address, start: run.address })),
    ).rejects.toThrow(/started from another cell/);
  });
});
