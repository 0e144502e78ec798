import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadData, planData } from "./load.node.ts";
import { describeSet, prepareSet } from "./prepare.node.ts";
import { checkDataSpec } from "./spec.ts";
import { momentsOf, sumsOf } from "./stats.ts";
import { shuffleImages, shuffleSources } from "./transforms/shuffle.ts";
import type { DataSpec, LoadedData, Split } from "./types.ts";

let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "cache-"));
});
afterAll(() => rm(cache, { recursive: true }));

const load = (spec: Omit<DataSpec, "set">): Promise<LoadedData> =>
  loadData({ set: "synthetic", ...spec }, { cache });
const perClass = ({ labels }: Split, k: number): number[] =>
  Array.from({ length: k }, (_, label) => labels.filter((l) => l === label).length);
const hashes = ({ images, count }: Split): string[] =>
  Array.from({ length: count }, (_, i) =>
    Buffer.from(images.subarray((i * images.length) / count, ((i + 1) * images.length) / count)).toString(
      "base64",
    ),
  );

describe("preparing", () => {
  test("happens once, leaves only the finished file, and names what it decoded", async () => {
    const first = await prepareSet("synthetic", { cache });
    const again = await prepareSet("synthetic", { cache });
    expect(again).toEqual({ ...first, cached: true });
    expect(first.warnings).toEqual([]);
    expect((await readdir(join(cache, "data"))).length).toBe(1);
    expect(await readdir(join(cache, "tmp"))).toEqual([]);
    expect((await describeSet("synthetic", { cache })).prepared?.fingerprint).toBe(first.fingerprint);
  });

  test("several at the same time all get the same file", async () => {
    const other = await mkdtemp(join(tmpdir(), "cache-"));
    const all = await Promise.all([1, 2, 3].map(() => prepareSet("synthetic", { cache: other })));
    expect(new Set(all.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(all.filter(({ cached }) => !cached).length).toBe(1);
    expect(await readdir(join(other, "data"))).toEqual([all[0]!.path.split("/").at(-1)]);
    await rm(other, { recursive: true });
  });

  test("a lock left by a process that is gone does not keep others waiting", async () => {
    const other = await mkdtemp(join(tmpdir(), "cache-"));
    const { path } = await prepareSet("synthetic", { cache: other });
    await rm(path);
    // Process numbers end far below this one.
    await writeFile(`${path}.lock`, JSON.stringify({ host: hostname(), process: 2 ** 30 }));
    expect((await prepareSet("synthetic", { cache: other })).cached).toBe(false);
    await rm(other, { recursive: true });
  });

  test("a damaged file is made anew", async () => {
    const { path, fingerprint } = await prepareSet("synthetic", { cache });
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, 5000));
    expect(await prepareSet("synthetic", { cache })).toMatchObject({ fingerprint, cached: false });
    expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
  });

  test("an unknown set is answered with the known ones, an unwritable cache with its reason", async () => {
    await expect(prepareSet("cifar", { cache })).rejects.toThrow('no data set is called "cifar"');
    await writeFile(join(cache, "file"), "");
    await expect(prepareSet("synthetic", { cache: join(cache, "file") })).rejects.toThrow(
      expect.objectContaining({ fault: "io", message: expect.stringContaining("preparing synthetic in") }),
    );
  });

  test("stops when asked to, leaving nothing behind", async () => {
    const other = await mkdtemp(join(tmpdir(), "cache-"));
    const options = { cache: other, signal: AbortSignal.abort() };
    await expect(prepareSet("synthetic", options)).rejects.toThrow(
      expect.objectContaining({ fault: "cancelled" }),
    );
    expect(await readdir(other)).toEqual([]);
    await rm(other, { recursive: true });
  });
});

describe("loading", () => {
  test("everything by default", async () => {
    const data = await load({});
    expect([data.train.count, data.validation.count, data.test.count]).toEqual([1600, 0, 400]);
    expect(data.classes.length).toBe(8);
    const { mean, std } = momentsOf(sumsOf(data.train.images, 3, 256));
    expect(data.mean).toEqual(mean);
    expect(data.std).toEqual(std);
    expect(data.shuffled).toBe(false);
  });

  test("the same spec gives the same bytes", async () => {
    const spec = {
      classes: "shapes",
      trainSize: 30,
      validation: 10,
      testSize: 20,
      shuffle: { block: 4, seed: 1 },
    };
    expect(await load(spec)).toEqual(await load(spec));
  });

  test("subset and validation are stratified and disjoint", async () => {
    const data = await load({ trainSize: 83, validation: 100, testSize: 50 });
    expect(perClass(data.train, 8).toSorted((a, b) => a - b)).toEqual([10, 10, 10, 10, 10, 11, 11, 11]);
    for (const n of perClass(data.validation, 8)) expect([12, 13]).toContain(n);
    for (const n of perClass(data.test, 8)) expect([6, 7]).toContain(n);
    expect(new Set([...hashes(data.train), ...hashes(data.validation)]).size).toBe(183);
    const other = await load({ trainSize: 83, validation: 100, subsetSeed: 1 });
    expect(hashes(other.train)).not.toEqual(hashes(data.train));
  });

  test("held-out images are not trained on when all others are", async () => {
    const data = await load({ validation: 160 });
    expect(data.train.count).toBe(1440);
    expect(new Set([...hashes(data.train), ...hashes(data.validation)]).size).toBe(1600);
  });

  test("classes are relabelled in the order in which they are asked for", async () => {
    const all = await load({});
    const two = await load({ classes: ["rings", "disc"] });
    expect(two.classes).toEqual(["rings", "disc"]);
    expect(perClass(two.train, 2)).toEqual([200, 200]);
    const firstRings = hashes(all.train)[all.train.labels.indexOf(7)];
    expect(hashes(two.train)[two.train.labels.indexOf(0)]).toBe(firstRings);
  });

  test("statistics do not depend on trainSize or shuffling", async () => {
    const plain = await load({ classes: "textures" });
    const small = await load({ classes: "textures", trainSize: 20, shuffle: { block: "pixel", seed: 0 } });
    expect(small.mean).toEqual(plain.mean);
    expect(small.std).toEqual(plain.std);
  });

  test("statistics of adapted images are those of the adapted images", async () => {
    for (const spec of [
      { channels: 1 as const },
      { height: 24, width: 20 },
      { height: 20, width: 24, fit: "pad" as const },
      { height: 8, width: 8 },
    ]) {
      const data = await load(spec);
      const { mean, std } = momentsOf(sumsOf(data.train.images, data.channels, data.height * data.width));
      for (const [c, value] of mean.entries()) expect(data.mean[c]).toBeCloseTo(value, 12);
      for (const [c, value] of std.entries()) expect(data.std[c]).toBeCloseTo(value, 12);
    }
  });

  test("one permutation shuffles training, validation and test images", async () => {
    const spec = { trainSize: 16, validation: 8, testSize: 16 };
    const plain = await load(spec);
    const shuffled = await load({ ...spec, shuffle: { block: 4, seed: 3 } });
    const from = shuffleSources(plain, 4, 3);
    for (const part of ["train", "validation", "test"] as const) {
      expect(shuffled[part].images).toEqual(shuffleImages(plain[part].images, from));
      expect(shuffled[part].labels).toEqual(plain[part].labels);
    }
    expect(shuffled.shuffled).toBe(true);
    expect(await load({ ...spec, shuffle: { block: 16, seed: 3 } })).toEqual(plain);
  });

  test("a plan counts without reading", async () => {
    const plan = await planData(
      { set: "synthetic", classes: "shapes", trainSize: 40, validation: 12, height: 32, width: 32 },
      { cache },
    );
    expect(plan).toMatchObject({
      counts: { train: 40, validation: 12, test: 200 },
      channels: 3,
      height: 32,
      width: 32,
    });
  });

  test.each<[Omit<DataSpec, "set">, string]>([
    [{ shuffle: { block: 3, seed: 0 } }, "blocks of 3 pixels do not divide an image of 16×16"],
    [{ classes: ["disc", "oval"] }, 'data set synthetic has no class "oval"'],
    [{ classes: ["disc", "disc"] }, 'class "disc" is named twice'],
    [{ classes: "shape" }, 'no group of classes of synthetic is called "shape"'],
    [{ classes: "disc" }, "one class leaves nothing to tell apart"],
    [{ trainSize: 1601 }, "synthetic: trainSize: 1601 images are asked for, there are 1600"],
    [
      { trainSize: 1600, validation: 1 },
      "synthetic: validation, after trainSize: 1 images are asked for, there are 0",
    ],
    [{ testSize: 401 }, "synthetic: testSize: 401 images"],
  ])("%j is refused", async (spec, message) => {
    await expect(load(spec)).rejects.toThrow(
      expect.objectContaining({ fault: "usage", message: expect.stringContaining(message) }),
    );
  });
});

describe("the schema", () => {
  test.each([
    [{ set: "cifar11" }, 'data.set: no data set is called "cifar11"; known: cifar10'],
    [{ set: "folder:" }, "data.set: no data set"],
    [{ set: "mnist", trainsize: 3 }, 'data: Unrecognized key: "trainsize"'],
    [{ set: "mnist", trainSize: 0 }, "data.trainSize"],
    [{ set: "mnist", shuffle: { block: 0, seed: 1 } }, "data.shuffle.block"],
    [{ set: "mnist", height: 1e9 }, "data.height"],
  ])("refuses %j", (spec, message) => {
    expect(() => checkDataSpec(spec)).toThrow(
      expect.objectContaining({ fault: "usage", message: expect.stringContaining(message) }),
    );
  });
});
