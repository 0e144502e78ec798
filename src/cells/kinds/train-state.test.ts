import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, numbersOf, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { addressOf } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";

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
