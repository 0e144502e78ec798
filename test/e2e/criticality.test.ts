import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CriticalityResults, RewindResults } from "../../src/criticality/results.ts";
import { cli, startCli } from "../kit/cli.ts";

let dir: string;
/** A run that kept weights, and a fine-tune of it that hardly moved. */
let scratch: string;
let tuned: string;

const at = (name: string): string => join(dir, name);
const store = (): string => at("store");

async function document<T>(...argv: string[]): Promise<T> {
  const { status, out, err } = await cli(...argv, "--store", store(), "--json", "--quiet");
  expect(status, err).toBe(0);
  return JSON.parse(out) as T;
}

async function trained(name: string, yaml: string): Promise<string> {
  writeFileSync(at(`${name}.yaml`), yaml);
  return (await document<{ run: string }>("train", at(`${name}.yaml`), "--out", at(name))).run;
}

const data = "data: { set: synthetic, trainSize: 300, testSize: 200 }";
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "transferscope-criticality-"));
  scratch = await trained(
    "scratch",
    `model: { arch: cnn, widths: [8, 8], norm: batch }
${data}
recipe: { steps: 120, batch: 32, learningRate: 0.05 }
keep: [0, 1, 4]
`,
  );
  tuned = await trained(
    "tuned",
    `model: { arch: cnn, widths: [8, 8], norm: batch }
${data}
start: ${scratch}
head: kept
recipe: { steps: 10, batch: 32, learningRate: 0.0005 }
`,
  );
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const small = ["--alphas", "3", "--sigmas", "0.1:3:4", "--samples", "8"];
const few = ["--train-images", "256", "--test-images", "128"];

/** When each finished cell was finished: another time would mean that it was computed again. */
function finishTimes(path: string): Record<string, number> {
  if (!existsSync(join(path, "cells"))) return {};
  const costs = readdirSync(join(path, "cells"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith("cost.json"));
  return Object.fromEntries(costs.map((name) => [name, statSync(join(path, "cells", name)).mtimeMs]));
}

describe("criticality", () => {
  test("a run and its own start: every module mapped, replaced and advised on; again, nothing is computed", async () => {
    const argv = ["criticality", "--final", scratch, ...small, ...few, "--modules", "layer"];
    const found = await document<CriticalityResults & { report: string }>(...argv, "--out", at("page"));
    const [network] = found.networks;
    expect(network).toMatchObject({ group: "from scratch", statistics: "of the images" });
    expect(network!.initial).toBe("its own random start");
    expect(network!.modules.map(({ name }) => name)).toEqual(["conv1", "norm1", "conv2", "norm2", "head"]);
    expect(network!.modules.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(network!.parameters);
    for (const module of network!.modules) {
      // Every cell of every map.
      expect(module.maps[0]!.cells.filter(({ refined }) => !refined)).toHaveLength(3 * 5);
      expect(module.maps.map(({ noise }) => noise)).toEqual(
        module.name.startsWith("conv") ? ["isotropic"] : ["isotropic", "per-tensor"],
      );
      expect(module.rewound.map(({ split, images }) => [split, images])).toEqual([
        ["train", 256],
        ["test", 128],
      ]);
      // At α = 1 without noise nothing has changed.
      const still = module.maps[0]!.cells.find(({ alpha, ratio }) => alpha === 1 && ratio === 0)!;
      expect(still.excess.value).toBe(0);
    }
    const head = network!.modules.at(-1)!;
    expect(head.isHead).toBe(true);
    // A head of zeros says the same of every image.
    const [zeroed] = head.zeroed;
    expect(zeroed!.excess.value).toBeGreaterThan(0.3);
    expect(head.advice).toMatchObject({ freeze: false, rewind: false, prune: false });
    expect(network!.final[1]!.error.value).toBeLessThan(0.7);
    expect(found.words.length).toBeGreaterThan(2);
    expect(readdirSync(at("page"))).toContain("report.html");
    const { report, ...results } = found;
    expect(report).toBe(join(at("page"), "report.html"));
    expect(JSON.parse(readFileSync(join(at("page"), "results.json"), "utf8"))).toEqual(results);

    const times = finishTimes(store());
    const again = await cli(...argv, "--store", store(), "--quiet");
    expect(again.status, again.err).toBe(0);
    expect(again.out).toMatch(/^module +parameters +μ +radius +set back +drawn anew +advice$/m);
    expect(finishTimes(store())).toEqual(times);
  }, 60_000);

  test("a fine-tune that hardly moved: set back it does as well, μ is 0, and all may be frozen", async () => {
    const list = at("freeze.yaml");
    const argv = ["criticality", "--final", tuned, ...small, ...few, "--noise", "isotropic"];
    const found = await document<CriticalityResults>(
      ...argv,
      "--epsilon",
      "5%,0.2",
      "--freeze-below",
      "5%",
      "--freeze-list",
      list,
      "--try-freeze",
      "2",
    );
    const [network] = found.networks;
    expect(network).toMatchObject({
      group: "fine-tuned",
      initial: "the pretrained weights it was fine-tuned from",
    });
    expect(found.epsilons.map(({ text }) => text)).toEqual(["5 points of error", "20 points of error"]);
    for (const { maps, rewound, advice } of network!.modules) {
      expect(maps[0]!.criticality.map(({ mu }) => mu.value)).toEqual([0, 0]);
      expect(Math.abs(rewound[0]!.excess.value)).toBeLessThan(0.05);
      expect(advice.freeze).toBe(true);
    }
    expect(found.freeze).toMatchObject({ epsilon: 0.05, share: 1, file: list });
    expect(found.freeze!.together.map(({ split }) => split)).toEqual(["train", "test"]);
    // With nothing left to train there is nothing to try.
    expect(found.freeze!.tried).toBeUndefined();
    expect(found.words.join("\n")).toContain("was tried: it leaves nothing to train.");
    // What was written, `train` takes.
    const planned = await cli(
      "train",
      at("tuned.yaml"),
      "--freeze-list",
      list,
      "--store",
      store(),
      "--dry-run",
    );
    expect(planned.status, planned.err).toBe(0);
    expect(planned.out).toMatch(/^1 run to compute/);
    expect(readFileSync(list, "utf8")).toMatch(/^# Modules of .*\nfreeze:\n {2}- conv1\n/);
  }, 60_000);

  test("following a list is measured: full and frozen runs of the same seeds", async () => {
    const argv = ["criticality", "--final", tuned, ...small, ...few, "--noise", "isotropic"];
    const found = await document<CriticalityResults>(
      ...argv,
      "--modules",
      "/conv.*/",
      "--freeze-below",
      "5%",
      "--try-freeze",
      "2",
    );
    expect(found.freeze!.modules).toEqual(["conv1", "conv2"]);
    expect(found.words.join("\n")).toContain("3 of 5 layers match nothing of --modules /conv.*/");
    const { seeds, rows, accuracy, speed } = found.freeze!.tried!;
    expect(seeds).toHaveLength(2);
    expect(rows.map(({ what, accuracies }) => [what, accuracies.length])).toEqual([
      ["full", 2],
      ["frozen", 2],
    ]);
    expect(rows[0]!.trained - rows[1]!.trained).toBe(8 * 27 + 8 * 72);
    expect(accuracy.value).toBeCloseTo(rows[1]!.accuracy.value - rows[0]!.accuracy.value, 10);
    expect(speed.value).toBeGreaterThan(0);
  }, 60_000);

  test("files, with what counts as their beginning; two networks are a group", async () => {
    const argv = [...small, ...few, "--noise", "isotropic", "--modules", "stage"];
    const files = ["--final", at("scratch/model.onnx"), at("tuned/model.onnx")];
    const found = await document<CriticalityResults>(
      "criticality",
      ...files,
      ...argv,
      "--init",
      "zero",
      "random",
    );
    expect(found.networks.map(({ initial }) => initial)).toEqual([
      "all zero",
      "fresh random weights (seed 0)",
    ]);
    expect(found.groups).toHaveLength(1);
    expect(found.groups[0]).toMatchObject({
      group: "given",
      networks: found.networks.map(({ name }) => name),
    });
    // Set back to zero is being zeroed.
    const [head] = found.networks[0]!.modules.toReversed();
    expect(head!.rewound).toEqual(head!.zeroed);
    const other = await document<CriticalityResults>(
      "criticality",
      "--final",
      at("tuned/model.onnx"),
      ...argv,
      "--init",
      at("scratch/model.onnx"),
    );
    expect(other.networks[0]!.initial).toMatch(/model\.onnx$/);
  }, 60_000);

  test("an ε that nothing with noise meets: infinite, with the reason, and no number", async () => {
    const found = await document<CriticalityResults>(
      "criticality",
      "--final",
      scratch,
      ...few,
      "--noise",
      "isotropic",
      "--modules",
      "/head/",
      "--alphas",
      "2",
      "--sigmas",
      "8:16:2",
      "--samples",
      "8",
      "--refine",
      "0",
    );
    const { mu, kl, reason, radius } = found.networks[0]!.modules[0]!.maps[0]!.criticality[0]!;
    expect(mu.value).toBeNull();
    expect(kl.value).toBeNull();
    expect(reason).toMatch(/\w/);
    expect(radius.ratio === null || radius.ratio === 0).toBe(true);
    expect(found.networks[0]!.total[0]).toMatchObject({ value: null, infinite: ["head"], gap: null });
    expect(found.words.join(" ")).toMatch(/infinite/);
  }, 60_000);

  test("a budget of work gives fewer looks, and the same ones again", async () => {
    const argv = ["criticality", "--final", scratch, ...few, "--noise", "isotropic", "--modules", "/head/"];
    const looks = async (...more: string[]): Promise<number> =>
      (await document<CriticalityResults>(...argv, ...more)).networks[0]!.modules[0]!.maps[0]!.cells.reduce(
        (sum, { draws }) => sum + draws,
        0,
      );
    const [free, tight] = [
      await looks("--samples", "16"),
      await looks("--samples", "16", "--budget", "1s,1GB"),
    ];
    expect(tight).toBeLessThanOrEqual(free);
    const times = finishTimes(store());
    expect(await looks("--samples", "16", "--budget", "1s,1GB")).toBe(tight);
    expect(finishTimes(store())).toEqual(times);
  }, 60_000);

  test("networks trained on other images of the same set are each looked at with their own", async () => {
    const other = await trained(
      "other-images",
      `model: { arch: cnn, widths: [8, 8], norm: batch }
data: { set: synthetic, trainSize: 300, testSize: 200, subsetSeed: 7 }
recipe: { steps: 10, batch: 32, learningRate: 0.01 }
`,
    );
    const options = [...small, "--train-images", "64", "--test-images", "64", "--noise", "isotropic"];
    const both = await document<CriticalityResults>("criticality", "--final", scratch, other, ...options);
    const alone = await document<CriticalityResults>("criticality", "--final", other, ...options);
    expect(both.networks[1]!.final).toEqual(alone.networks[0]!.final);
    expect(both.words).toContain("Each network was looked at with the images it was trained on.");
    const named = ["--data", "synthetic"];
    const common = await document<CriticalityResults>(
      "criticality",
      "--final",
      scratch,
      other,
      ...named,
      ...options,
    );
    expect(common.words.join("\n")).not.toContain("Each network was looked at");
    expect(common.networks[1]!.final).not.toEqual(alone.networks[0]!.final);
  }, 120_000);

  test("a dry run says what there is to do, and writes nothing", async () => {
    const other = at("other");
    const file = ["--final", at("tuned/model.onnx"), "--init", at("scratch/model.onnx")];
    const { status, out, err } = await cli("criticality", ...file, "--store", other, "--dry-run");
    expect(status, err).toBe(0);
    expect(out).toMatch(
      /^\d+ of \d+ cells to compute \(\d+ of kind sensitivity, \d+ of kind replace\); .* with \d+ workers?\n$/,
    );
    expect(existsSync(other)).toBe(false);
  });

  test("killed in the middle, it goes on, and computes no finished cell again", async () => {
    const argv = (path: string): string[] => [
      "criticality",
      "--final",
      at("tuned/model.onnx"),
      "--init",
      at("scratch/model.onnx"),
      ...few,
      "--modules",
      "layer",
      "--jobs",
      "1",
      "--json",
      "--quiet",
      "--store",
      at(path),
    ];
    const killed = startCli(argv("killed"));
    // Two are the files themselves.
    while (Object.keys(finishTimes(at("killed"))).length < 5 && killed.child.exitCode === null)
      await wait(20);
    killed.signalGroup("SIGKILL");
    expect((await killed.ended).out).toBe("");
    const before = finishTimes(at("killed"));

    const resumed = await cli(...argv("killed"));
    expect(resumed.status, resumed.err).toBe(0);
    const after = finishTimes(at("killed"));
    expect(after).toMatchObject(before);
    expect(Object.keys(after).length).toBeGreaterThan(Object.keys(before).length);
    const calm = await cli(...argv("calm"));
    const known = (text: string): unknown => ({
      ...(JSON.parse(text) as CriticalityResults),
      networks: (JSON.parse(text) as CriticalityResults).networks.map((network) => ({
        ...network,
        seconds: 0,
      })),
    });
    expect(known(resumed.out)).toEqual(known(calm.out));
  }, 120_000);
});

describe("rewind", () => {
  test("every module at every kept moment, the straight path beside it", async () => {
    const argv = ["rewind", scratch, ...few];
    const dry = await cli(...argv, "--store", store(), "--dry-run");
    expect(dry.status, dry.err).toBe(0);
    expect(dry.out).toMatch(/of kind replace/);
    const found = await document<RewindResults>(...argv, "--out", at("moments"));
    const [network] = found.networks;
    expect(network!.steps[0]).toBe(0);
    expect(network!.steps).toHaveLength(3);
    expect(network!.total).toBe(120);
    for (const { changes, direct, rerandomised } of network!.modules) {
      expect(changes).toHaveLength(3);
      // The beginning is the same point on both paths.
      expect(direct[0]!.alpha).toBe(0);
      expect(direct[0]!.changes).toEqual(changes[0]);
      expect(direct.map(({ alpha }) => alpha)).toEqual(
        direct.map(({ alpha }) => alpha).toSorted((a, b) => a - b),
      );
      expect(rerandomised.map(({ split }) => split)).toEqual(["train", "test"]);
    }
    expect(readdirSync(at("moments"))).toContain("report.html");
    const text = await cli(...argv, "--store", store(), "--quiet");
    expect(text.out).toMatch(/^module +step 0 +step \d+ +step \d+ +drawn anew$/m);
  }, 60_000);
});
