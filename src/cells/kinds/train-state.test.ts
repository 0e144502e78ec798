import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, numbersOf, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import type { Cell } from "../../store/cell.node.ts";
import { addressOf, type CellSpec } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { runCell } from "../../sweep/run-cell.node.ts";
import { trainCell } from "./train.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const weights = "weights.safetensors";

/** Weights of a run in one piece, and of one cut at `k` steps, whose second part has these seeds (the same, if absent). */
async function inTwo(store: Store, options: TinyOptions, k: number, seeds?: TinyOptions["seeds"]) {
  const parent = tinyTraining({ ...options, until: k });
  await finish(store, parent);
  const child = tinyTraining(
    { ...options, head: "kept", ...(seeds === undefined ? {} : { seeds }) },
    { state: addressOf(parent) },
  );
  return await finish(store, child);
}

const seeds = { init: 1, head: 2, order: 3, augmentation: 4 };
const variants: readonly (readonly [string, TinyOptions])[] = [
  [
    "SGD with momentum, batch norm and augmentation",
    { recipe: { augment: { crop: 2, flip: true, mixup: 0.2 } } },
  ],
  ["AdamW, cosine, warm-up", { recipe: { optimizer: "adamw", schedule: { kind: "cosine", warmup: 3 } } }],
  ["L2-SP and frozen modules", { recipe: { l2sp: { alpha: 0.1, beta: 0.01 }, freeze: ["conv1"] } }],
];

describe("a run that goes on from a state", () => {
  test.each(variants)("ends with the bits of a run in one piece: %s", async (_, options) => {
    const store = await openStore(temporaryFolder());
    const whole = await numbersOf(await finish(store, tinyTraining(options)), weights);
    for (const k of [0, 5, 12]) {
      expect(await numbersOf(await inTwo(store, options, k), weights), `cut at ${k}`).toEqual(whole);
    }
  });

  test("with other seeds of order or augmentation goes elsewhere; at k = T nothing is left to differ", async () => {
    const store = await openStore(temporaryFolder());
    const options: TinyOptions = { recipe: { augment: { crop: 2, flip: true, mixup: 0 } } };
    const whole = await numbersOf(await finish(store, tinyTraining(options)), weights);
    for (const other of [
      { ...seeds, order: 9 },
      { ...seeds, augmentation: 9 },
    ]) {
      expect(await numbersOf(await inTwo(store, options, 5, other), weights)).not.toEqual(whole);
      expect(await numbersOf(await inTwo(store, options, 12, other), weights)).toEqual(whole);
    }
  });

  test("starts its metrics where its parent stopped, with what that one was seen to do last", async () => {
    const store = await openStore(temporaryFolder());
    const parent = tinyTraining({ until: 5, evaluate: { split: "test", count: 2 } });
    const last = (await finish(store, parent)).metrics().at(-1) as { step: number; loss: number };
    const child = await inTwo(store, { evaluate: { split: "test", count: 2 } }, 5);
    const lines = child.metrics() as { step: number; loss: number; trainLoss?: number }[];
    expect(lines.map((line) => line.step)).toEqual([5, 12]);
    expect(lines[0]).toEqual({ step: 5, loss: last.loss, accuracy: expect.any(Number) as number });
    expect(child.result()).toMatchObject({ steps: 12 });
  });

  test("stopped and taken up again has the same bytes", async () => {
    const bytes = ({ dir }: Cell) =>
      readdirSync(dir)
        .filter((name) => name !== "cost.json")
        .map((name) => [name, readFileSync(join(dir, name)).toString("hex")]);
    const options: TinyOptions = { until: 9, head: "kept", keep: [2, 3] };
    const specs = (): [CellSpec, CellSpec] => {
      const parent = tinyTraining({ until: 4 });
      return [parent, tinyTraining(options, { state: addressOf(parent) })];
    };
    const [parent, child] = specs();
    const calm = await openStore(temporaryFolder());
    await finish(calm, parent);
    const wanted = bytes(await finish(calm, child));
    expect(wanted.map(([name]) => name)).toEqual(
      expect.arrayContaining(["state.safetensors", "weights-step-0000004.safetensors"]),
    );
    const store = await openStore(temporaryFolder());
    await finish(store, parent);
    // The clock hurries, so that every stop and every look is followed by a checkpoint.
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 6000));
    const begun: number[] = [];
    for (const stopAt of [5, 7, Infinity]) {
      const stop = new AbortController();
      let first: number | undefined;
      await runCell(child, {
        store,
        kinds: { train: trainCell },
        signal: stop.signal,
        onProgress({ done }) {
          first ??= done;
          if (done >= stopAt) stop.abort(new Error("stopped by the test"));
        },
      });
      begun.push(first!);
    }
    vi.restoreAllMocks();
    expect(begun.at(-1)).toBeGreaterThan(5);
    expect(bytes(await store.get(addressOf(child)))).toEqual(wanted);
  });

  test("leaves the addresses of runs that have nothing to do with states as they were", () => {
    const spec = tinyTraining();
    expect(Object.keys(spec.params as object)).not.toContain("until");
    expect(spec.version).toBe(1);
    expect(addressOf(spec)).toBe("15fceb7dde3abd7eeb28cb2a728ecd45cc96ef36b84ecd99ac40d30f67cdf13e");
  });

  test.each<[string, TinyOptions, RegExp]>([
    [
      "another optimiser",
      { head: "kept", recipe: { optimizer: "adamw" } },
      /the state has .* 1 optimiser slots, the run needs .* 2/,
    ],
    ["a new head", {}, /keeps its head/],
    ["an end before its beginning", { head: "kept", until: 3 }, /should end after 3 updates, .* begins at 5/],
    [
      "an end beyond the schedule",
      { head: "kept", until: 13 },
      /should end after 13 updates, but its schedule has 12/,
    ],
    [
      "L2-SP, which the parent had not",
      { head: "kept", recipe: { l2sp: { alpha: 1, beta: 1 } } },
      /starting point/,
    ],
  ])("refuses %s", async (_, options, message) => {
    const store = await openStore(temporaryFolder());
    const parent = tinyTraining({ until: 5 });
    await finish(store, parent);
    await expect(finish(store, tinyTraining(options, { state: addressOf(parent) }))).rejects.toThrow(message);
  });
});
