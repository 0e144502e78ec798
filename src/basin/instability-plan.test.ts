import { expect, test } from "vitest";
import type { ScopeError } from "../base/error.ts";
import {
  checkInstability,
  type InstabilityConfig,
  instabilitySchema,
  momentsOf,
} from "./instability-config.ts";
import { childSeed, landingBefore, planInstability } from "./instability-plan.node.ts";

const base = {
  name: "plan",
  model: { arch: "cnn", widths: [8] },
  data: { set: "synthetic", trainSize: 64, testSize: 50 },
  recipe: { steps: 1000, batch: 16 },
} as const;

function config(more: object = {}): InstabilityConfig {
  return instabilitySchema.parse({ ...base, ...more });
}

function seedsIn(spec: { readonly params: unknown }): Record<string, number> {
  return (spec.params as { seeds: Record<string, number> }).seeds;
}

test("moments are steps or shares of the run, rising, each once", () => {
  expect(momentsOf([500, "3%", 0, "50 %", "0.1%"], 1000)).toEqual([0, 1, 30, 500]);
  expect(() => momentsOf([0, 1001], 1000)).toThrow(
    /^spawn\[1\]: 1001 is after the end of the run of 1000 steps$/,
  );
});

test("what a schema cannot see is refused in a sentence", () => {
  const message = (more: object): string => {
    try {
      checkInstability(config(more));
      return "";
    } catch (error) {
      expect(error).toMatchObject({ fault: "usage" });
      return (error as ScopeError).message;
    }
  };
  expect(message({})).toBe("");
  expect(message({ replicates: [1, 1] })).toBe("replicates: a seed is listed twice");
  expect(message({ vary: ["order", "order"] })).toBe("vary: a word is listed twice");
  expect(message({ vary: ["order", "head"] })).toMatch(/^vary: head cannot be varied together/);
  expect(message({ spawn: [] })).toMatch(/^spawn: no moment is named/);
  expect(instabilitySchema.safeParse({ ...base, spawn: ["a tenth"] }).success).toBe(false);
});

test("a state's cells depend on its step alone", () => {
  expect([1, 256, 257, 512, 513, 1000, 4096].map(landingBefore)).toEqual([0, 0, 256, 256, 512, 512, 2048]);
  const addresses = (spawn: number[]) => {
    const { training } = planInstability(config({ spawn }), 1000);
    return new Set(training.map(({ address }) => address));
  };
  const few = addresses([0, 300, 900]);
  const more = addresses([0, 20, 300, 700, 900]);
  expect([...few].every((address) => more.has(address))).toBe(true);
});

test("children share the parent's seeds but for what varies", () => {
  const { moments, training } = planInstability(
    config({ spawn: [0, 600], replicates: [4], vary: ["order"], children: 3 }),
    1000,
  );
  expect(moments.map(({ k, pairs }) => [k, pairs.length])).toEqual([
    [0, 3],
    [600, 3],
  ]);
  // The parent, two children from the start, states at 256, 512 and 600, two children from there.
  expect(training).toHaveLength(8);
  const { a, b } = moments[1]!.pairs[0]!;
  expect(seedsIn(a.spec)).toEqual({ init: 4, head: 4, order: 4, augmentation: 4 });
  expect(seedsIn(b.spec)).toEqual({ init: 4, head: 4, order: childSeed(4, 1), augmentation: 4 });
  expect(b.spec.inputs).toHaveProperty("state");
  expect(b.spec.params).toMatchObject({ head: "kept" });
  // The same noise at every moment: what differs between moments is the moment.
  expect(seedsIn(moments[0]!.pairs[0]!.b.spec)).toEqual(seedsIn(b.spec));
});

test("at the end of training children are their parent, and every cell comes after its inputs", () => {
  const { moments, training } = planInstability(config({ spawn: [1000, 999] }), 1000);
  for (const { a, b } of moments[1]!.pairs) expect(a.address).toBe(b.address);
  const seen = new Set<string>();
  for (const { spec, address } of training) {
    for (const input of Object.values(spec.inputs)) expect(seen).toContain(input);
    seen.add(address);
  }
});

test("children with a new head start from the weights of step k and train anew", () => {
  const { moments } = planInstability(
    config({ spawn: [0, 100, 1000], vary: ["head"], replicates: [0] }),
    1000,
  );
  const inputs = moments.map(({ pairs: [pair] }) => Object.keys(pair!.b.spec.inputs));
  expect(inputs).toEqual([[], ["start"], ["start"]]);
  for (const { pairs } of moments) {
    const [a, b] = [seedsIn(pairs[0]!.a.spec), seedsIn(pairs[0]!.b.spec)];
    expect(a).toEqual({ ...b, head: 0 });
    expect(b["head"]).toBe(childSeed(0, 1));
  }
});

test("the grid crosses initialisation, head and order; nothing is trained twice", () => {
  const grid = {
    upstream: { data: { set: "synthetic" }, recipe: { steps: 5 } },
    recipe: { steps: 1000, batch: 16, learningRate: 0.01 },
    pairs: 3,
    rateFactors: [1, 10],
  };
  const { rows, training } = planInstability(config({ spawn: [], grid }), 1000);
  expect(rows.map((row) => [row.label, row.sameHead, row.sameOrder, row.rateFactor])).toEqual([
    ["RI-T / RI-T, same init", true, true, 1],
    ["RI-T / RI-T, same init", true, false, 1],
    ["RI-T / RI-T", false, true, 1],
    ["RI-T / RI-T", false, false, 1],
    ["P-T / P-T", true, true, 1],
    ["P-T / P-T", true, false, 1],
    ["P-T / P-T", false, true, 1],
    ["P-T / P-T", false, false, 1],
    ["P-T / P-T", true, false, 10],
    ["P-T / P-T", false, true, 10],
    ["P-T / P-T", false, false, 10],
    ["P-T / RI-T", false, true, 1],
    ["P-T / RI-T", false, false, 1],
  ]);
  for (const row of rows) {
    expect(row.pairs).toHaveLength(3);
    const identical = row.sameStart && row.sameHead && row.sameOrder;
    for (const { a, b } of row.pairs) expect(a.address === b.address).toBe(identical);
    // Pairs of a row have no network in common.
    const members = row.pairs.flatMap(({ a, b }) => [...new Set([a.address, b.address])]);
    expect(new Set(members).size).toBe(members.length);
  }
  // The pretraining run, and for each of three pairs 2 × 2 runs from scratch, fine-tuned, and fine-tuned at ten times the rate.
  expect(training).toHaveLength(1 + 3 * 12);
  const raised = rows.find(({ rateFactor }) => rateFactor === 10)!.pairs[0]!.a.spec.params;
  expect(raised).toMatchObject({ recipe: { learningRate: 0.1 }, divergence: "record" });
});

test("the grid's runs from scratch are the analysis' own where they agree", () => {
  const grid = { upstream: { data: { set: "synthetic" }, recipe: {} }, recipe: {}, pairs: 2 };
  const alone = planInstability(config({ replicates: [1, 2] }), 1000).training.length;
  const both = planInstability(config({ replicates: [1, 2], grid }), 1000).training.length;
  // Of each pair's four runs from scratch, the parent and its child from step 0 are there already.
  expect(both).toBe(alone + 1 + 2 * (2 + 4));
});

test("no network from scratch begins from the random weights the pretraining began from", () => {
  for (const seed of [0, 1, 99_999]) {
    const upstream = { data: { set: "synthetic", trainSize: 32 }, recipe: { steps: 5 }, seed };
    const grid = { upstream, recipe: {}, pairs: 3 };
    const { training, rows } = planInstability(config({ spawn: [], grid }), 1000);
    const [pretraining, ...others] = training.filter(({ spec }) => Object.keys(spec.inputs).length === 0);
    expect(seedsIn(pretraining!.spec)["init"]).toBe(seed);
    expect(others.map(({ spec }) => seedsIn(spec)["init"])).not.toContain(seed);
    expect(rows.every(({ pairs }) => pairs.length === 3)).toBe(true);
  }
});
