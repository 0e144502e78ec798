import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, numbersOf, specOf, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { runtime } from "../../../test/kit/ort.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { flatten } from "../../autodiff/flat.ts";
import { imageSource } from "../../data/batch.ts";
import { defaultCache, loadData } from "../../data/load.node.ts";
import { linePoint } from "../../landscape/points-of.ts";
import type { Cell } from "../../store/cell.node.ts";
import { addressOf } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { openEvaluator } from "../../train/evaluate.ts";
import { networkOf } from "../network.node.ts";
import { pointCells, type PointsLook, pointValues } from "../points.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const data = { set: "synthetic", trainSize: 40, testSize: 30 };
const look: PointsLook = { data, images: { train: 20, test: 30 }, renormalize: null };

/** Two small networks of other seeds. */
async function pair(store: Store, options: TinyOptions = {}): Promise<[Cell, Cell]> {
  const trained = (init: number) =>
    finish(store, tinyTraining({ ...options, seeds: { init, head: init, order: init, augmentation: 1 } }));
  return [await trained(1), await trained(2)];
}

async function seen(store: Store, cells: ReturnType<typeof pointCells>) {
  const all = [];
  for (const { spec } of cells) all.push(...(await pointValues(await finish(store, spec))));
  return all;
}

const line = [0, 0.5, 1].map(linePoint);

describe("a points cell", () => {
  test("sees at the ends of a line what the networks do, and gives every image's values", async () => {
    const store = await openStore(temporaryFolder());
    const cells = await pair(store);
    const addresses = cells.map((cell) => cell.address);
    const found = await seen(store, pointCells(addresses, line, look));
    expect(found.map((one) => Object.keys(one))).toEqual([["values"], ["values"], ["values"]]);
    const images = await loadData(data, { cache: defaultCache() });
    for (const [i, cell] of cells.entries()) {
      const { graph, names, weights } = await networkOf(cell);
      const evaluator = await openEvaluator(await runtime(), graph, names, 30);
      const truth = await evaluator.evaluate(
        flatten(evaluator.layout, weights),
        imageSource(images.test, images),
      );
      const { test: values, train } = found[2 * i]!.values;
      expect(values!.loss).toBeCloseTo(truth.loss, 5);
      expect(values!.accuracy).toBe(truth.accuracy);
      expect(values!.correct).toEqual(truth.correct);
      expect(values!.losses.reduce((sum, loss) => sum + loss, 0) / 30).toBeCloseTo(truth.loss, 5);
      expect(train!.losses).toHaveLength(20);
      await evaluator.release();
    }
  });

  test("estimates statistics anew and keeps what was seen before", async () => {
    const store = await openStore(temporaryFolder());
    const addresses = (await pair(store)).map((cell) => cell.address);
    const plain = await seen(store, pointCells(addresses, line, look));
    const anew = await seen(
      store,
      pointCells(addresses, line, { ...look, renormalize: { images: 40, batch: 20 } }),
    );
    expect(anew.map((one) => one.stale)).toEqual(plain.map((one) => one.values));
    expect(anew[1]!.values.test!.loss).not.toBeCloseTo(plain[1]!.values.test!.loss!, 3);
    const without = await seen(
      store,
      pointCells(addresses, line, { ...look, renormalize: { images: 40, batch: 20 }, stale: false }),
    );
    expect(without.map((one) => one.values)).toEqual(anew.map((one) => one.values));
    expect(without.every((one) => one.stale === undefined)).toBe(true);
  });

  test.each(["sequential", "closed", "reset"] as const)("repairs: %s", async (repair) => {
    const store = await openStore(temporaryFolder());
    const model = { arch: "cnn", widths: [16, 16], norm: repair === "reset" ? "batch" : "none" };
    const addresses = (await pair(store, { model })).map((cell) => cell.address);
    const plain = await seen(store, pointCells(addresses, line, look));
    const mended = await seen(
      store,
      pointCells(addresses, line, { ...look, renormalize: { images: 40, batch: 40 }, repair }),
    );
    expect(mended.every((one) => one.stale === undefined)).toBe(true);
    expect(mended[1]!.values.test!.loss).not.toBe(plain[1]!.values.test!.loss);
    if (repair === "reset") return;
    for (const end of [0, 2])
      expect(mended[end]!.values.test!.loss).toBeCloseTo(plain[end]!.values.test!.loss!, 3);
  });

  test("goes along random directions; far out it has no loss, and says so instead of failing", async () => {
    const store = await openStore(temporaryFolder());
    const [cell] = await pair(store);
    const directions = { seed: 3, count: 2, ignore: "bias+norm" } as const;
    const points = [
      [1, 0, 0],
      [1, 0.5, -0.5],
      [1, 1e30, 1e30],
    ];
    const renormalize = { images: 40, batch: 40 };
    const found = await seen(store, pointCells([cell.address], points, { ...look, directions, renormalize }));
    const losses = found.map((one) => one.values.test!.loss);
    expect(losses[0]).toBeGreaterThan(0);
    expect(losses[1]).not.toBe(losses[0]);
    expect(found[2]!.stale!.test).toMatchObject({ loss: null });
    expect(losses[2] === null || Number.isFinite(losses[2])).toBe(true);
  });

  test("is the same in another store, bit for bit", async () => {
    const files: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const store = await openStore(temporaryFolder());
      const addresses = (await pair(store)).map((cell) => cell.address);
      const [chunk] = pointCells(addresses, line, { ...look, renormalize: { images: 30, batch: 10 } });
      const cell = await finish(store, chunk!.spec);
      files.push([cell.address, await numbersOf(cell, "values.safetensors"), cell.result()]);
    }
    expect(files[0]).toEqual(files[1]);
  });

  test("of unlike networks, or contradictory parameters, is refused", async () => {
    const store = await openStore(temporaryFolder());
    const [a] = await pair(store);
    const wide = await finish(
      store,
      tinyTraining({ model: { arch: "cnn", widths: [16, 32], norm: "batch" } }),
    );
    const run = (networks: readonly Cell[], change: Partial<PointsLook>, points = line) => {
      const [chunk] = pointCells(
        networks.map((cell) => cell.address),
        points,
        { ...look, ...change },
      );
      return finish(store, chunk!.spec);
    };
    await expect(run([a, wide], {})).rejects.toThrow(/another width \(conv2\.weight/);
    await expect(run([a], {})).rejects.toThrow(/needs 1 coefficients, got 2/);
    await expect(run([a, a], { images: { train: 0, test: 0 } })).rejects.toThrow(/name a split/);
    await expect(run([a, a], { repair: "sequential" })).rejects.toThrow(/repair needs images/);
    await expect(run([a, a], { data: { ...data, classes: "shapes" } })).rejects.toThrow(/classes apart/);
  });
});

describe("pointCells", () => {
  const many = Array.from({ length: 41 }, (_, i) => linePoint(i / 40));
  const addresses = ["a".repeat(64), "b".repeat(64)];

  test.each([
    ["little work: one cell", 2e5, 500, 1, 1],
    ["middling: about four", 2e7, 2000, 4, 6],
    ["much: cells of at most 20 s", 4e7, 10_000, 41, 41],
  ])("%s", (_, multiplyAdds, count, least, most) => {
    const chunks = pointCells(addresses, many, {
      data,
      images: { train: 0, test: count },
      renormalize: null,
      multiplyAdds,
    });
    expect(chunks.length).toBeGreaterThanOrEqual(least);
    expect(chunks.length).toBeLessThanOrEqual(most);
    expect(chunks.flatMap(({ spec }) => (spec.params as { points: number[][] }).points)).toEqual(many);
    expect(chunks.map(({ from }) => from)).toEqual(
      chunks.map((__, i) => chunks.slice(0, i).reduce((sum, one) => sum + one.count, 0)),
    );
    const sizes = chunks.map((one) => one.count);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  test("makes specs whose addresses stay", () => {
    const [chunk] = pointCells(addresses, line, { ...look, label: "line" });
    expect(chunk).toMatchObject({ label: "line", from: 0, count: 3 });
    expect(addressOf(chunk!.spec)).toBe(chunk!.address);
    expect(chunk!.spec).toEqual(
      specOf(
        "points",
        {
          data,
          points: line,
          renormalize: null,
          repair: "none",
          splits: { train: { images: 20 }, test: { images: 30 } },
        },
        { n0: addresses[0]!, n1: addresses[1]! },
      ),
    );
  });
});
