import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, numbersOf, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { runtime } from "../../../test/kit/ort.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { imageSource } from "../../data/batch.ts";
import { defaultCache, loadData } from "../../data/load.node.ts";
import { modules } from "../../graph/modules.ts";
import type { Cell } from "../../store/cell.node.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { openEvaluator } from "../../train/evaluate.ts";
import { networkOf } from "../network.node.ts";
import {
  multiplyAddsAfter,
  readSensitivity,
  sensitivityCell,
  type SensitivityPlan,
} from "../sensitivity.node.ts";
import { mixedImages } from "../some-images.ts";
import { initialSpec } from "./initial.node.ts";
import { sensitivityCell as kind } from "./sensitivity.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const data = { set: "synthetic", trainSize: 40, testSize: 30 };

async function begin(options: TinyOptions = {}): Promise<{ store: Store; run: Cell; initial: Cell }> {
  const store = await openStore(temporaryFolder());
  const run = await finish(store, tinyTraining(options));
  return { store, run, initial: await finish(store, await initialSpec(run, store)) };
}

async function planFor(
  { run, initial }: { run: Cell; initial: Cell },
  place: number,
  more: Partial<SensitivityPlan> = {},
): Promise<SensitivityPlan> {
  const { graph } = await networkOf(run);
  return {
    final: run.address,
    initial: initial.address,
    module: modules(graph, "block")[place]!,
    noise: "isotropic",
    data,
    images: 40,
    block: 8,
    statistics: "kept",
    alphas: [0, 0.5, 1],
    ratios: [0, 0.1, 1],
    epsilons: [{ absolute: 0.1 }, { relative: 0.5 }],
    draws: 6,
    refine: 0,
    seed: 1,
    ...more,
  };
}

describe("a sensitivity cell", () => {
  test("without noise is exact: at α = 1 nothing is lost, at α = 0 it is the rewound network on the set", async () => {
    const begun = await begin();
    const plan = await planFor(begun, 0, { minDraws: 5 });
    const found = await readSensitivity(await finish(begun.store, sensitivityCell(plan).spec));
    expect(found).toMatchObject({ block: 8, images: 40, statistics: "kept", module: plan.module.name });
    expect(found.map.places).toHaveLength(9);
    const at = (alpha: number, ratio: number) =>
      found.map.places.find((place) => place.alpha === alpha && place.ratio === ratio)!;
    expect([...at(1, 0).excess].every((one) => one === 0)).toBe(true);
    expect([...at(1, 0).lossExcess].every((one) => one === 0)).toBe(true);

    const [final, initial] = [await networkOf(begun.run), await networkOf(begun.initial)];
    const images = await loadData(data, { cache: defaultCache() });
    const names = [...plan.module.parameters, ...plan.module.statistics];
    const evaluator = await openEvaluator(await runtime(), final.graph, final.names, 40);
    const set = imageSource(mixedImages(images.train), images);
    const whole = await evaluator.evaluate(final.vector(), set);
    expect(found.final.error).toBeCloseTo(1 - whole.accuracy, 12);
    expect(found.final.loss).toBeCloseTo(whole.loss, 4);
    expect(found.epsilons[0]).toBe(0.1);
    expect(found.epsilons[1]).toBeCloseTo(0.5 * (1 - whole.accuracy), 12);
    const rewound = final.vector();
    for (const name of names) {
      const i = evaluator.layout.names.indexOf(name);
      rewound.set(initial.weights.get(name)!.data as Float32Array, evaluator.layout.offsets[i]!);
    }
    const back = await evaluator.evaluate(rewound, set);
    const { excess, lossExcess } = at(0, 0);
    const mean = (values: Float32Array) => values.reduce((sum, one) => sum + one, 0) / values.length;
    // All five blocks were seen: without noise that is all there is to see.
    expect(excess).toHaveLength(5);
    expect(mean(excess)).toBeCloseTo(whole.accuracy - back.accuracy, 6);
    expect(mean(lossExcess)).toBeCloseTo(back.loss - whole.loss, 4);
    await evaluator.release();
  });

  test("is the same in another store, bit for bit, and reads back every draw", async () => {
    const files: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const begun = await begin();
      const plan = await planFor(begun, 1, { noise: "per-tensor", refine: 1 });
      const cell = await finish(begun.store, sensitivityCell(plan).spec);
      const numbers = await numbersOf(cell, "draws.safetensors");
      const found = await readSensitivity(cell);
      expect(found.looks).toBe(numbers["errors"]!.length);
      // Without noise they are as they were seen; with it, that place's are taken out of them.
      const pass = found.images / found.block;
      let at = 0;
      for (const place of found.map.places) {
        const seen = numbers["errors"]!.slice(at, (at += place.excess.length)).map((one) => one / 8);
        const still = found.map.places.find(({ alpha, ratio }) => alpha === place.alpha && ratio === 0);
        if (still === undefined) continue;
        const control = [...still.excess];
        const mean = control.reduce((sum, one) => sum + one, 0) / pass;
        for (const [s, one] of seen.entries()) {
          const wanted = place.ratio === 0 ? one : one - control[s % pass]! + mean;
          expect(place.excess[s]).toBeCloseTo(wanted, 6);
        }
      }
      expect(at).toBe(numbers["errors"]!.length);
      files.push([cell.result(), cell.files]);
    }
    expect(files[1]).toEqual(files[0]);
  });

  test("stops early where the answer is certain, and keeps to its budget", async () => {
    const begun = await begin();
    const sure = await planFor(begun, 0, { epsilons: [{ absolute: 1 }], draws: 32, minDraws: 4 });
    const found = await readSensitivity(await finish(begun.store, sensitivityCell(sure).spec));
    // Every error is within ε = 1: the fewest draws do.
    expect(found.looks).toBeLessThanOrEqual(9 * 8);
    const capped = await planFor(begun, 0, { draws: 32, mostLooks: 30 });
    expect(
      (await readSensitivity(await finish(begun.store, sensitivityCell(capped).spec))).looks,
    ).toBeLessThanOrEqual(30);
  });

  test("with statistics of the images; a network without norms has none", async () => {
    const begun = await begin();
    const plan = await planFor(begun, 0, { statistics: "of the images", block: 20 });
    const found = await readSensitivity(await finish(begun.store, sensitivityCell(plan).spec));
    expect(found.statistics).toBe("of the images");
    const kept = await readSensitivity(
      await finish(begun.store, sensitivityCell({ ...plan, statistics: "kept" }).spec),
    );
    expect(found.final.loss).not.toBe(kept.final.loss);
    const plain = await begin({ model: { arch: "mlp", hidden: [8] } });
    const none = await planFor(plain, 0, { statistics: "of the images" });
    expect((await readSensitivity(await finish(plain.store, sensitivityCell(none).spec))).statistics).toBe(
      "none",
    );
  });

  test("refuses initial weights of another network, and data that do not fit", async () => {
    const begun = await begin();
    const other = await finish(
      begun.store,
      tinyTraining({ model: { arch: "cnn", widths: [8, 16], norm: "batch" } }),
    );
    const plan = await planFor(begun, 0);
    await expect(
      finish(begun.store, sensitivityCell({ ...plan, initial: other.address }).spec),
    ).rejects.toThrow("not the same network");
    await expect(readSensitivity(begun.run)).rejects.toThrow('is of kind "train", not "sensitivity"');
  });

  test("costs what comes after the module", async () => {
    const begun = await begin();
    const { graph } = await networkOf(begun.run);
    const parts = modules(graph, "block");
    const costs = parts.map(({ parameters }) => multiplyAddsAfter(graph, parameters));
    expect(costs).toEqual(costs.toSorted((a, b) => b - a));
    const plan = await planFor(begun, 0, { multiplyAdds: 1e9 });
    const cheap = await planFor(begun, 0, { multiplyAdds: 1e6 });
    const seconds = (one: SensitivityPlan) => kind.estimate!(sensitivityCell(one).spec.params).seconds!;
    expect(seconds(plan)).toBeGreaterThan(seconds(cheap));
  });
});
