import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BarrierResults, PlaneResults } from "../../src/basin/results.ts";
import { basinNetworks, type BasinNetworks } from "../kit/basin-networks.ts";
import { cli, startCli } from "../kit/cli.ts";
import { temporaryFolder } from "../kit/temporary.ts";

let networks: BasinNetworks;
beforeAll(async () => {
  networks = await basinNetworks();
}, 120_000);
afterAll(() => rmSync(networks.dir, { recursive: true, force: true }));

const at = (name: string): string => networks.at(name);

async function document<T>(...argv: string[]): Promise<T> {
  const { status, out, err } = await cli(...argv, "--store", networks.store, "--json", "--quiet");
  expect(status, err).toBe(0);
  return JSON.parse(out) as T;
}

/** When each finished cell was finished: another time would mean that it was computed again. */
function finishTimes(path: string): Record<string, number> {
  if (!existsSync(join(path, "cells"))) return {};
  const costs = readdirSync(join(path, "cells"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith("cost.json"));
  return Object.fromEntries(costs.map((name) => [name, statSync(join(path, "cells", name)).mtimeMs]));
}

const errorBarrier = ({ barriers }: BarrierResults["pairs"][number]["paths"][number]) =>
  barriers.find(
    ({ definition, quantity, split }) => definition === "mean" && quantity === "error" && split === "test",
  )!.height;

describe("barrier", () => {
  test("a network and its copy: nothing lies between them", async () => {
    const found = await document<BarrierResults>(
      "barrier",
      at("a/model.onnx"),
      networks.runs.a,
      "--range",
      "0:1:5",
    );
    const [pair] = found.pairs;
    expect(pair!.distance).toBe(0);
    expect(pair!.verdict).toMatchObject({ says: "connected", of: { value: 0 } });
    for (const { height } of pair!.paths[0]!.barriers) expect(Math.abs(height.value)).toBeLessThan(1e-6);
    expect(found.words[0]).toMatch(
      / hold the same weights: nothing lies between them, and the barrier is 0\.$/,
    );
  });

  test("a permuted copy: a barrier as it is, none once aligned", async () => {
    const out = at("page");
    const argv = ["barrier", at("a/model.onnx"), at("p.onnx"), "--range=-0.5:1.5:9", "--align", "weights"];
    const found = await document<BarrierResults & { report: string }>(...argv, "--out", out);
    const [pair] = found.pairs;
    const [before, after] = pair!.paths;
    expect(before!.treatment.align).toBe("none");
    expect(errorBarrier(before!).low).toBeGreaterThan(0.05);
    expect(after!.treatment.align).toBe("weights");
    expect(errorBarrier(after!).value).toBe(0);
    expect(pair!.verdict.says).toBe("connected");
    expect(pair!.proof).toBeLessThan(1e-5);
    expect(found.words.join("\n")).toContain("permutation symmetry explains 100 % of the barrier");

    // The document holds every number of the figures.
    expect(before!.at).toEqual([-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]);
    for (const { curves, barriers } of pair!.paths) {
      expect(curves.map(({ split, loss, accuracy }) => [split, loss.length, accuracy.length])).toEqual([
        ["train", 9, 9],
        ["test", 9, 9],
      ]);
      expect(barriers).toHaveLength(2 * 2 * 3);
    }
    expect(found.data).toEqual({ set: "synthetic", train: 400, test: 300 });
    expect(readdirSync(out).toSorted()).toEqual([
      ".transferscope-report",
      "figures",
      "report.html",
      "results.json",
    ]);
    const { report, ...results } = found;
    expect(report).toBe(join(out, "report.html"));
    expect(JSON.parse(readFileSync(join(out, "results.json"), "utf8"))).toEqual(results);

    const times = finishTimes(networks.store);
    const again = await cli(...argv, "--store", networks.store, "--out", out);
    expect(again.status, again.err).toBe(0);
    expect(again.out).toContain("points of test error stands between model.onnx and p.onnx");
    expect(finishTimes(networks.store)).toEqual(times);
  });

  test("batch norm: before and after its statistics are estimated anew; never: as they are", async () => {
    const found = await document<BarrierResults>("barrier", ...networks.runs.norms, "--range", "0:1:3");
    const treatments = (results: BarrierResults) =>
      results.pairs[0]!.paths.map(({ treatment }) => treatment.statistics);
    expect(treatments(found)).toEqual(["interpolated", "re-estimated"]);
    expect(found.pairs[0]!.kinship).toBe("different init");
    expect(found.models.map(({ name }) => name)).toEqual(networks.runs.norms.map((run) => run.slice(0, 10)));
    const never = await document<BarrierResults>(
      "barrier",
      ...networks.runs.norms,
      "--range",
      "0:1:3",
      "--renormalize",
      "never",
    );
    expect(treatments(never)).toEqual(["interpolated"]);
    const [stale] = found.pairs[0]!.paths;
    expect(never.pairs[0]!.paths[0]!.curves).toEqual(stale!.curves);
  });

  test("everything at once on one pair: aligned, repaired, curved, refined", async () => {
    const ends = ["barrier", at("a/model.onnx"), at("b/model.onnx"), "--range", "0:1:3"];
    const treated = ["--refine", "2", "--align", "activations", "--repair", "--curve", "bezier"];
    const found = await document<BarrierResults>(...ends, ...treated, "--train-images", "0");
    const [pair] = found.pairs;
    expect(
      pair!.paths.map(({ treatment: { align, repair, curve } }) => [align, repair, curve].join()),
    ).toEqual([
      "none,false,linear",
      "activations,false,linear",
      "activations,true,linear",
      "activations,false,bezier",
    ]);
    for (const { at: positions, curves } of pair!.paths) {
      expect(positions.length).toBeGreaterThan(3);
      expect(positions).toEqual(positions.toSorted((x, y) => x - y));
      expect(curves.map(({ split }) => split)).toEqual(["test"]);
    }
  }, 60_000);

  test("the closed form of REPAIR leaves the ends alone, and is another path than the measured one", async () => {
    const pair = ["barrier", at("a/model.onnx"), at("b/model.onnx"), "--range", "0:1:3"];
    const [closed, measured] = await Promise.all(
      ["--closed-form", "--repair"].map(async (how) => await document<BarrierResults>(...pair, how)),
    );
    const losses = [closed!, measured!].map((found) => {
      const [plain, repaired] = found.pairs[0]!.paths;
      expect(repaired!.treatment.repair).toBe(true);
      const [before, after] = [plain!, repaired!].map(
        ({ curves }) => curves.find(({ split }) => split === "test")!.loss,
      );
      expect(after![0]!.value).toBeCloseTo(before![0]!.value, 5);
      expect(after![2]!.value).toBeCloseTo(before![2]!.value, 5);
      return after![1]!.value;
    });
    expect(losses[0]).not.toBe(losses[1]);
  });

  test("more than two: all pairs, and groups", async () => {
    const names = ["a/model.onnx", "p.onnx", "b/model.onnx"].map(at);
    const found = await document<BarrierResults>(
      "barrier",
      ...names,
      "--range",
      "0:1:3",
      "--align",
      "weights",
    );
    expect(found.pairs.map(({ a, b }) => [a, b])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(found.basins).toContainEqual(expect.arrayContaining([0, 1]));
    expect(new Set(found.models.map(({ name }) => name)).size).toBe(3);
    expect(found.words[0]).toMatch(/^Of 3 pairs of 3 networks /);
  });

  test("a dry run says what there is to do, and writes nothing", async () => {
    const other = join(temporaryFolder(), "store");
    const argv = ["barrier", at("a/model.onnx"), at("b/model.onnx"), "--store", other, "--align", "weights"];
    const { status, out, err } = await cli(...argv, "--dry-run");
    expect(status, err).toBe(0);
    expect(out).toMatch(
      /^\d+ of \d+ cells to compute \(\d+ of kind points, 1 of kind align\); .* with \d+ workers?\n$/,
    );
    expect(existsSync(other)).toBe(false);
  });

  test("weights alone, with the graph they belong to", async () => {
    const names = ["a/weights.safetensors", "b/weights.safetensors"].map(at);
    const graph = ["--graph", at("a/model.onnx")];
    const found = await document<BarrierResults>(
      "barrier",
      ...names,
      ...graph,
      "--range",
      "0:1:3",
      "--data",
      "synthetic",
    );
    const whole = await document<BarrierResults>(
      "barrier",
      at("a/model.onnx"),
      at("b/model.onnx"),
      "--range",
      "0:1:3",
      "--data",
      "synthetic",
    );
    expect(found.pairs[0]!.paths[0]!.curves).toEqual(whole.pairs[0]!.paths[0]!.curves);
  });
});

describe("align", () => {
  test("writes a network that is the same function, in the other's order", async () => {
    const [onnx, weights] = [at("moved.onnx"), at("moved.safetensors")];
    const argv = ["align", at("a/model.onnx"), at("p.onnx"), "--store", networks.store, "--quiet"];
    const { status, out, err } = await cli(...argv, "--out", onnx);
    expect(status, err).toBe(0);
    expect(out).toMatch(/^Of 32 free units of p\.onnx \(in 2 groups\) \d+ were moved/);
    expect(out).toMatch(
      /\nProof: the moved network computes what p\.onnx computes; its outputs differ by at most \d\.\de-\d/,
    );
    expect(out).toContain("to 0.000000.\n");
    const accuracy = async (path: string) => (await document<{ accuracy: number }>("eval", path)).accuracy;
    expect(await accuracy(onnx)).toBe(await accuracy(at("p.onnx")));
    const same = await document<BarrierResults>("barrier", at("a/model.onnx"), onnx, "--range", "0:1:3");
    expect(same.pairs[0]!.distance).toBe(0);

    const refused = await cli(...argv, "--out", onnx);
    expect(refused).toMatchObject({
      status: 2,
      err: `error: --out ${onnx} exists already\n  choose another name, or allow it with --overwrite\n`,
    });
    expect((await cli(...argv, "--out", onnx, "--overwrite")).status).toBe(0);
    expect(await document("align", at("a/model.onnx"), at("p.onnx"), "--out", weights)).toMatchObject({
      method: "weights",
      units: 32,
      written: weights,
      distance: { after: 0 },
    });
    expect(existsSync(weights)).toBe(true);
  });
});

describe("plane", () => {
  test("through three networks, with points of their hull", async () => {
    const names = ["a/model.onnx", "b/model.onnx", "p.onnx"].map(at);
    const found = await document<PlaneResults>(
      "plane",
      ...names,
      "--grid",
      "4",
      "--hull",
      "6",
      "--out",
      at("plane"),
    );
    expect(found.unit).toBe("l2 distance");
    expect([found.x.length, found.y.length]).toEqual([4, 4]);
    expect(found.models[0]).toMatchObject({ x: 0, y: 0 });
    expect(found.surfaces.map(({ split, loss }) => [split, loss.length, loss[0]!.length])).toEqual([
      ["train", 4, 4],
      ["test", 4, 4],
    ]);
    expect(found.hull).toMatchObject({ points: 6 });
    const test = found.hull!.accuracy.find(({ split }) => split === "test")!;
    expect(test.least).toBeLessThanOrEqual(test.mean);
    expect(test.corners).toEqual(found.models.map(({ accuracy }) => accuracy!.test));
    // 20 % of margin on both sides of the networks.
    const xs = found.models.map(({ x }) => x);
    const width = Math.max(...xs) - Math.min(...xs);
    expect(found.x[0]).toBeCloseTo(Math.min(...xs) - 0.2 * width, 6);
    expect(found.x.at(-1)).toBeCloseTo(Math.max(...xs) + 0.2 * width, 6);
    expect(existsSync(at("plane/report.html"))).toBe(true);
  });

  test("around one network; another seed, other directions", async () => {
    const argv = ["plane", networks.runs.a, "--range=-1:1:3", "--train-images", "0"];
    const found = await document<PlaneResults>(...argv);
    const { accuracy } = await document<{ accuracy: number }>("eval", networks.runs.a);
    expect(found.unit).toBe("filter norms");
    expect(found.surfaces).toHaveLength(1);
    expect(found.surfaces[0]!.accuracy[1]![1]).toBe(accuracy);
    expect(found.models).toMatchObject([{ x: 0, y: 0, accuracy: { test: accuracy } }]);
    const other = await document<PlaneResults>(...argv, "--seed", "5");
    expect(other.surfaces[0]!.accuracy[1]![1]).toBe(accuracy);
    expect(other.surfaces[0]!.loss[0]).not.toEqual(found.surfaces[0]!.loss[0]);
  });

  test("killed in the middle, it goes on, and computes no finished cell again", async () => {
    const folder = temporaryFolder();
    const names = ["a/model.onnx", "b/model.onnx", "p.onnx"].map(at);
    const look = ["--grid", "25", "--test-images", "300", "--train-images", "200", "--jobs", "1"];
    const argv = (path: string): string[] => [
      "plane",
      ...names,
      ...look,
      "--json",
      "--quiet",
      "--store",
      join(folder, path),
    ];
    const killed = startCli(argv("killed"));
    while (Object.keys(finishTimes(join(folder, "killed"))).length < 5 && killed.child.exitCode === null)
      await wait(20);
    killed.signalGroup("SIGKILL");
    expect((await killed.ended).out).toBe("");
    const before = finishTimes(join(folder, "killed"));
    expect(Object.keys(before).length).toBeGreaterThanOrEqual(5);

    const resumed = await cli(...argv("killed"));
    expect(resumed.status, resumed.err).toBe(0);
    const after = finishTimes(join(folder, "killed"));
    expect(after).toMatchObject(before);
    expect(Object.keys(after).length).toBeGreaterThan(Object.keys(before).length);
    const calm = await cli(...argv("calm"));
    expect(resumed.out).toBe(calm.out);
  }, 60_000);
});
