import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SoupResults } from "../../src/basin/results.ts";
import { readModel } from "../../src/onnx/read.node.ts";
import { readSafetensors } from "../../src/safetensors/read.node.ts";
import { readRecipe } from "../../src/soup/recipe.ts";
import { cli } from "../kit/cli.ts";

/** A parent that kept weights on its way, and three fine-tunes of it, with batch norm. */
let store: string;
let parent: string;
let tuned: string[];
let dir: string;

async function train(text: string, seed: number): Promise<string> {
  const file = join(dir, `train-${seed}.yaml`);
  writeFileSync(file, text);
  const { status, out, err } = await cli(
    "train",
    file,
    "--store",
    store,
    "--seed",
    String(seed),
    "--quiet",
    "--json",
  );
  expect(status, err).toBe(0);
  return (JSON.parse(out) as { run: string }).run.slice(0, 12);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "transferscope-test-"));
  store = join(dir, "store");
  const base = `model: { arch: cnn, widths: [8, 8], norm: batch }
data: { set: synthetic, classes: shapes, trainSize: 64, testSize: 100 }
recipe: { steps: 16, batch: 16, learningRate: 0.05 }
evaluations: 1
`;
  parent = await train(`${base}keep: [1, 2, 3]\n`, 0);
  tuned = [];
  for (const seed of [1, 2, 3]) tuned.push(await train(`${base}start: "${parent}"\nhead: kept\n`, seed));
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const soup = (...argv: string[]) => cli("soup", ...argv, "--store", store, "--quiet");

async function found(...argv: string[]): Promise<SoupResults & { run: string }> {
  const { status, out, err } = await soup(...argv, "--json");
  expect(status, err).toBe(0);
  return JSON.parse(out) as SoupResults & { run: string };
}

describe("soup", () => {
  test("greedy: beside the cheap ones, never below the best on held-out images; the file holds its recipe", async () => {
    const file = join(dir, "soup.onnx");
    const page = join(dir, "page");
    const results = await found(...tuned, "--out", file, "--report", page);
    expect(results.rows.map(({ method }) => method)).toEqual([
      "best single",
      "uniform",
      "greedy",
      "logit ensemble",
    ]);
    const [best, uniform, greedy, ensemble] = results.rows;
    expect(greedy!.heldOut).toBeGreaterThanOrEqual(best!.heldOut);
    expect(best!.heldOut).toBe(Math.max(...results.members.map(({ heldOut }) => heldOut)));
    expect([uniform!.members, ensemble!.members, ensemble!.quality.passes]).toEqual([3, 3, 3]);
    expect(results.growth).toHaveLength(3);
    expect(results.data.test).toBe(100);
    expect(readFileSync(join(page, "report.html"), "utf8")).toContain("logit ensemble");

    const recipe = readRecipe((await readModel(file)).metadata, file);
    expect(recipe).toMatchObject({ method: "greedy", statistics: "re-estimated" });
    expect(recipe!.members).toHaveLength(3);
    // What was written is a network like any other, as good as was said.
    const evaluated = await cli("eval", file, "--store", store, "--quiet", "--json");
    expect(JSON.parse(evaluated.out)).toMatchObject({ accuracy: greedy!.quality.accuracy.value });

    const before = readFileSync(file);
    const again = await soup(...tuned, "--out", file);
    expect([again.status, again.err]).toEqual([2, expect.stringContaining("exists already")]);
    expect(readFileSync(file)).toEqual(before);
  });

  test("learned, module by module; as safetensors with the recipe", async () => {
    const file = join(dir, "learned.safetensors");
    const results = await found(...tuned, "--method", "learned", "--per-module", "--out", file);
    expect(results.method).toBe("learned per module");
    expect(results.mixing!.length).toBeGreaterThan(1);
    for (const { weights } of results.mixing!) {
      expect(weights.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 6);
    }
    const { metadata } = await readSafetensors(file);
    expect(readRecipe(metadata, file)).toMatchObject({ method: "learned", settings: { perModule: true } });
  });

  test("over a run's kept weights: swa and ema beside the run's end", async () => {
    const results = await found(parent, "--method", "swa");
    expect(results.rows.map(({ method, members }) => [method, members])).toEqual([
      ["best single", 1],
      ["swa", 3],
      ["ema", 3],
    ]);
    expect(results.words[0]).toContain("The average over 3 moments of training");
    const none = await soup(tuned[0]!, "--method", "swa");
    expect([none.status, none.err]).toEqual([
      2,
      expect.stringContaining("averages weights kept on the way of a run"),
    ]);
  });

  test("between two networks: both ends of the line are the networks, on the data and on shifted data", async () => {
    const results = await found(
      parent,
      tuned[0]!,
      "--method",
      "wise",
      "--shift",
      "synthetic",
      "--classes",
      "shapes",
    );
    expect(results.wise!.at).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    const ends = [results.wise!.reference[0]!.value, results.wise!.reference[10]!.value];
    expect(ends).toEqual(results.members.map(({ quality }) => quality.accuracy.value));
    expect(results.wise!.shifted).toHaveLength(11);
    expect(results.method).toBe("WiSE-FT, α = 0.5");
    const halves = results.rows.filter(({ method }) => method === "uniform" || method === results.method);
    expect(halves[0]!.quality).toEqual(halves[1]!.quality);
  });

  test("a dry run computes nothing", async () => {
    const { status, out } = await soup(...tuned, "--method", "learned", "--held-out", "20", "--dry-run");
    expect(status).toBe(0);
    expect(out).toMatch(/cells to compute \(3 of kind logits, 3 of kind average\)/);
  });
});

describe("what is wrong is said", () => {
  const cases: [string, () => string[], RegExp][] = [
    ["one network", () => [tuned[0]!], /an average needs two networks or more/],
    ["the same twice", () => [tuned[0]!, tuned[0]!], /is named twice/],
    [
      "a run of many",
      () => [...tuned, "--method", "ema"],
      /averages over the training of one run, 3 were named/,
    ],
    [
      "a line of three",
      () => [...tuned, "--method", "wise"],
      /goes from one network to another, 3 were named/,
    ],
    ["shift without wise", () => [...tuned, "--shift", "synthetic"], /--shift goes with --method wise/],
    [
      "a share without a line",
      () => [...tuned, "--alpha", "0.3"],
      /--alpha goes with --method wise, not greedy/,
    ],
    ["modules without learning", () => [...tuned, "--per-module"], /--per-module goes with --method learned/],
    [
      "a share above one",
      () => [...tuned, "--alpha", "1.5"],
      /--alpha expected a number from 0 to 1, got "1\.5"/,
    ],
    ["an unknown network", () => ["nothing.onnx", tuned[0]!], /nothing\.onnx/],
    [
      "a file of another kind",
      () => [...tuned, "--out", "soup.pt"],
      /expected a name that ends in \.onnx or \.safetensors/,
    ],
    ["other labels", () => [...tuned, "--data", "synthetic"], /classes apart/],
  ];
  for (const [name, argv, message] of cases) {
    test(name, async () => {
      const { status, err } = await soup(...argv());
      expect(err).toMatch(message);
      expect(status).toBe(2);
      expect(existsSync("soup.pt")).toBe(false);
    });
  }
});
