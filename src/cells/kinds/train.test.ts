import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { stream } from "../../base/random.ts";
import { addressOf, type CellSpec } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { type CellEnd, runCell } from "../../sweep/run-cell.node.ts";
import { trainCell, type TrainParams, trainParams } from "./train.node.ts";

// The synthetic set is generated, but kept in the cache once it is.
beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

type Options = Omit<Partial<TrainParams>, "recipe"> & { readonly recipe?: Partial<TrainParams["recipe"]> };

/** A training cell of a second: 40 images, a small network; `options` change its parameters. */
function cellOf({ recipe, ...options }: Options = {}, inputs: Record<string, string> = {}): CellSpec {
  const params = trainParams.parse({
    model: { arch: "cnn", widths: [16, 16], norm: "batch" },
    data: { set: "synthetic", trainSize: 40, testSize: 30 },
    seeds: { init: 1, head: 2, order: 3, augmentation: 4 },
    evaluate: { split: "test", count: 5, images: 20 },
    keep: [0, 2, 5],
    ...options,
    recipe: {
      steps: 24,
      batch: 16,
      learningRate: 0.02,
      augment: { crop: 2, flip: true, mixup: 0.2 },
      ...recipe,
    },
  });
  return { kind: "train", version: trainCell.version, params: JSON.parse(JSON.stringify(params)), inputs };
}

function run(store: Store, spec: CellSpec, stopAt = Infinity, steps: number[] = []): Promise<CellEnd> {
  const stop = new AbortController();
  return runCell(spec, {
    store,
    kinds: { train: trainCell },
    signal: stop.signal,
    onProgress({ done }) {
      steps.push(done);
      if (done >= stopAt) stop.abort(new Error("stopped by the test"));
    },
  });
}

/** The finished cell's files, as bytes in hexadecimal; those of machine and time left out. */
async function filesOf(store: Store, spec: CellSpec): Promise<Record<string, string>> {
  const { dir } = await store.get(addressOf(spec));
  const names = readdirSync(dir).filter((name) => name !== "cost.json");
  return Object.fromEntries(
    names.toSorted().map((name) => [name, readFileSync(join(dir, name)).toString("hex")]),
  );
}

/** Lets every look at the clock find some seconds gone, so that checkpoints fall on steps of all kinds. */
function hurryClock(seed: number): void {
  const random = stream(seed, "noise");
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 4000 * random.uniform()));
}

describe("a training cell that is stopped and taken up again", () => {
  test.each([
    ["SGD, five looks", cellOf()],
    // Chunks of 50 steps: checkpoints fall between two looks, with losses already summed.
    [
      "AdamW, two looks far apart",
      cellOf({
        recipe: { optimizer: "adamw", steps: 170, learningRate: 0.002 },
        evaluate: { split: "test", count: 2 },
      }),
    ],
  ])("has the same bytes as one that was not: %s", async (_, spec) => {
    const calm = await openStore(temporaryFolder());
    expect(await run(calm, spec)).toMatchObject({ state: "finished", fresh: true });
    const wanted = await filesOf(calm, spec);
    expect(Object.keys(wanted)).toEqual(
      expect.arrayContaining([
        "correct.safetensors",
        "metrics.jsonl",
        "result.json",
        "weights.safetensors",
        "weights-step-0000000.safetensors",
      ]),
    );

    const total = Number((spec.params as { recipe: { steps: number } }).recipe.steps);
    const random = stream(8, "noise");
    for (let round = 0; round < 2; round++) {
      hurryClock(round);
      const store = await openStore(temporaryFolder());
      let stops = 0;
      let resumed = 0;
      for (let attempt = 0; attempt < 40; attempt++) {
        // The last attempts are let through: a run without a checkpoint starts over.
        const steps: number[] = [];
        const end = await run(store, spec, attempt < 6 ? 1 + random.below(total - 1) : Infinity, steps);
        if (steps[0]! > 1) resumed++;
        if (end.state === "finished") break;
        expect(end).toEqual({ state: "released" });
        stops++;
      }
      expect(stops).toBeGreaterThan(1);
      expect(resumed, "attempts that began at a checkpoint").toBeGreaterThan(0);
      expect(await filesOf(store, spec)).toEqual(wanted);
      vi.restoreAllMocks();
    }
  });
});

describe("what a training cell leaves", () => {
  test("metrics with a look at the start and the end, the last on all images, and a result that says the same", async () => {
    const store = await openStore(temporaryFolder());
    const spec = cellOf();
    await run(store, spec);
    const cell = await store.get(addressOf(spec));
    const lines = cell.metrics() as { step: number; accuracy: number; loss: number; trainLoss?: number }[];
    expect(lines.map((line) => line.step)).toEqual([0, 1, 4, 9, 15, 24]);
    expect(lines.map((line) => line.trainLoss === undefined)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(cell.result()).toMatchObject({
      steps: 24,
      images: 30,
      trainImages: 40,
      accuracy: lines.at(-1)!.accuracy,
      loss: lines.at(-1)!.loss,
    });
  });

  test("other seeds of order and augmentation give other weights, but the same first look", async () => {
    const store = await openStore(temporaryFolder());
    const seeds = { init: 1, head: 2, order: 3, augmentation: 4 };
    const variants = [seeds, { ...seeds, order: 5 }, { ...seeds, augmentation: 5 }, { ...seeds, init: 5 }];
    const seen: { weights: string; first: unknown }[] = [];
    for (const one of variants) {
      const spec = cellOf({ seeds: one, keep: [], recipe: { steps: 3 } });
      await run(store, spec);
      const files = await filesOf(store, spec);
      // The metadata name the cell; the numbers come last.
      seen.push({
        weights: files["weights.safetensors"]!.slice(-2000),
        first: (await store.get(addressOf(spec))).metrics()[0],
      });
    }
    expect(new Set(seen.map((one) => one.weights)).size).toBe(4);
    expect(seen[1]!.first).toEqual(seen[0]!.first);
    expect(seen[2]!.first).toEqual(seen[0]!.first);
    expect(seen[3]!.first).not.toEqual(seen[0]!.first);
  });
});

describe("a training cell that starts from another", () => {
  test("takes over its weights, all of them or all but the head", async () => {
    const store = await openStore(temporaryFolder());
    const parent = cellOf({ keep: [] });
    await run(store, parent);
    const last = (await store.get(addressOf(parent))).metrics().at(-1) as { loss: number };
    const child = (head: "kept" | "new") =>
      cellOf(
        { head, keep: [], recipe: { steps: 2 }, evaluate: { split: "test", count: 1 } },
        { start: addressOf(parent) },
      );
    for (const head of ["kept", "new"] as const) await run(store, child(head));
    const first = async (head: "kept" | "new") =>
      (await store.get(addressOf(child(head)))).metrics()[0] as { step: number; loss: number };
    expect((await first("kept")).loss).toBe(last.loss);
    expect((await first("new")).loss).not.toBe(last.loss);
  });

  test("refuses one of another architecture, naming the parameter", async () => {
    const store = await openStore(temporaryFolder());
    const parent = cellOf({
      keep: [],
      model: { ...trainParams.shape.model.parse({ arch: "cnn", widths: [32, 16] }) },
    });
    await run(store, parent);
    await expect(run(store, cellOf({}, { start: addressOf(parent) }))).rejects.toMatchObject({
      fault: "shape",
      message: expect.stringMatching(
        /weights\.safetensors: parameter "conv1\.weight" should be \[16, 3, 3, 3\], found \[32, 3, 3, 3\]$/,
      ),
    });
  });
});

describe("a training cell that cannot go on", () => {
  test("says at which step the loss was no longer a number, and keeps the last good weights", async () => {
    const store = await openStore(temporaryFolder());
    const spec = cellOf({ recipe: { learningRate: 1e30 } });
    await expect(run(store, spec)).rejects.toMatchObject({
      fault: "diverged",
      message: expect.stringMatching(/at(?:er)? step \d+ of 24|after step \d+ of 24/),
      hint: expect.stringContaining("the last good weights"),
    });
    expect(await store.has(addressOf(spec))).toBe(false);
  });

  test("records divergence as a result where rates are being tried", async () => {
    const store = await openStore(temporaryFolder());
    const spec = cellOf({
      divergence: "record",
      recipe: { learningRate: 1e30 },
    });
    expect((await run(store, spec)).state).toBe("finished");
    const cell = await store.get(addressOf(spec));
    expect(cell.result()).toMatchObject({ accuracy: 0, divergedAfter: expect.any(Number) as number });
    expect(Object.keys(cell.files)).not.toContain("weights.safetensors");
  });

  test("names a module that is not there", async () => {
    const store = await openStore(temporaryFolder());
    await expect(run(store, cellOf({ recipe: { freeze: ["stage9"] } }))).rejects.toMatchObject({
      fault: "usage",
      message: 'no module is called "stage9"',
      hint: expect.stringContaining("conv1"),
    });
  });
});
