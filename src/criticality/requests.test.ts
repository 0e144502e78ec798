import { describe, expect, test } from "vitest";
import { advise, neededShare } from "./advice.ts";
import { parseBudget } from "./budget.ts";
import { absoluteEpsilon, epsilonText, parseEpsilons } from "./epsilons.ts";
import { groupResults } from "./groups.ts";
import { changesOf, meanChanges, type Scores } from "./robust.node.ts";
import type { Change, MapCell } from "./results.ts";
import { syntheticCriticality } from "../../test/kit/synthetic-criticality.ts";

describe("what is asked", () => {
  test("ε: shares and percentages, absolute and relative", () => {
    expect(parseEpsilons("absolute", "--epsilon")("0.01,5%")).toEqual([
      { absolute: 0.01 },
      { absolute: 0.05 },
    ]);
    expect(parseEpsilons("relative", "--epsilon-relative")("10%,2")).toEqual([
      { relative: 0.1 },
      { relative: 2 },
    ]);
    for (const text of ["", "0", "1", "-0.1", "a", "0.1,"])
      expect(() => parseEpsilons("absolute", "--epsilon")(text)).toThrow("--epsilon expected");
    expect(absoluteEpsilon({ absolute: 0.01 }, 0.3)).toBe(0.01);
    expect(absoluteEpsilon({ relative: 0.1 }, 0.3)).toBeCloseTo(0.03, 12);
    expect(epsilonText({ absolute: 0.01 }).text).toBe("1 point of error");
    expect(epsilonText({ absolute: 0.005 }).text).toBe("0.5 points of error");
    expect(epsilonText({ relative: 0.1 }).text).toBe("10 % of the final error");
  });

  test("budgets: work, memory, both", () => {
    expect(parseBudget("10m")).toEqual({ seconds: 600 });
    expect(parseBudget("1.5h, 2GB")).toEqual({ seconds: 5400, bytes: 2e9 });
    expect(parseBudget("500MB")).toEqual({ bytes: 5e8 });
    for (const text of ["", "10", "10x", "0m", "-1m", "1GB,2GB"])
      expect(() => parseBudget(text)).toThrow("--budget");
  });
});

const change = (split: "train" | "test", value: number, high: number): Change => ({
  split,
  images: 100,
  error: { value: 0.1 + value, low: 0, high: 1 },
  excess: { value, low: value - (high - value), high },
  loss: 1,
});
const cells = (...excess: number[]): { cells: MapCell[] } => ({
  cells: excess.map((value, i) => ({
    alpha: i / (excess.length - 1),
    ratio: 0,
    refined: false,
    draws: 1,
    images: 64,
    excess: { value, low: value, high: value },
    lossExcess: null,
    within: "open",
  })),
});

describe("advice", () => {
  test("the share of the way that is needed: from the final weights back, without a gap", () => {
    expect(neededShare(cells(0.5, 0.02, 0.005, 0), 0.01)).toBeCloseTo(2 / 3, 12);
    expect(neededShare(cells(0, 0.2, 0, 0), 0.01)).toBeCloseTo(2 / 3, 12);
    expect(neededShare(cells(0, 0, 0), 0.01)).toBe(0);
    expect(neededShare(undefined, 0.01)).toBe(1);
    // As draws are kept: in single precision 0.07 is a little more.
    expect(neededShare(cells(Math.fround(0.07), 0), 0.07)).toBe(0);
  });

  test("only what the whole interval shows is recommended", () => {
    const facts = { map: undefined, epsilon: 0.01, zeroed: [change("train", 0.5, 0.6)] };
    const [shown, unsure, unlike] = advise([
      { ...facts, rewound: [change("train", 0, 0.008), change("test", 0, 0.009)] },
      { ...facts, rewound: [change("train", 0, 0.02), change("test", 0, 0.02)] },
      { ...facts, rewound: [change("train", 0, 0.008), change("test", 0.01, 0.03)] },
    ]);
    expect(shown).toMatchObject({ freeze: true, rewind: true, prune: false, rate: 0 });
    expect(unsure).toMatchObject({ freeze: false, rewind: false, rate: 1 });
    expect(unlike).toMatchObject({ freeze: true, rewind: false });
    expect(shown!.why).toMatch(/^set back it costs 0\.0 \[.*\] points$/);
  });

  test("a rate of 0 would be freezing: what is not shown to bear that keeps a step of the grid", () => {
    const map = (...excess: number[]) => ({
      ...cells(...excess),
      noise: "isotropic" as const,
      alphas: [0, 0.25, 0.5, 0.75, 1],
      ratios: [0],
      criticality: [],
    });
    const facts = { epsilon: 0.01, zeroed: [], rewound: [change("train", 0, 0.02)] };
    const [unsure, needs] = advise([
      { ...facts, map: map(0, 0, 0, 0, 0) },
      { ...facts, map: map(0.5, 0.2, 0, 0, 0) },
    ]);
    expect([unsure!.rate, needs!.rate]).toEqual([0.5, 1]);
  });
});

describe("changes", () => {
  const score = (errors: number, value: number, loss: number | null): Scores => ({
    test: {
      images: 50,
      errors,
      loss,
      lost: 0,
      gained: 0,
      excess: { value, low: null, high: null },
      correct: new Uint8Array(50),
    },
  });

  test("one look has Wilson's interval, several the mean's over draws", () => {
    const [one] = changesOf(score(5, 0.02, 0.3));
    expect(one).toMatchObject({ split: "test", images: 50, error: { value: 0.1 }, loss: 0.3 });
    expect(one!.error.low).toBeLessThan(0.1);
    const [mean] = meanChanges([score(5, 0.1, 1), score(10, 0.2, 2), score(15, 0.3, 3)]);
    expect(mean!.error.value).toBeCloseTo(0.2, 12);
    expect(mean!.excess.value).toBeCloseTo(0.2, 12);
    expect(mean!.loss).toBe(2);
    // t(0.975, 2) · 0.1 / √3
    expect(mean!.excess.high).toBeCloseTo(0.2 + (4.302652729749464 * 0.1) / Math.sqrt(3), 9);
    expect(meanChanges([score(5, 0.1, null), score(5, 0.1, 2)])[0]!.loss).toBeNull();
  });

  test("draws that agree are as uncertain as their images, not certain", () => {
    const [one] = changesOf(score(5, 0.1, 1));
    const [same] = meanChanges([score(5, 0.1, 1), score(5, 0.1, 1), score(5, 0.1, 1)]);
    expect(same!.error.low).toBeCloseTo(one!.error.low!, 12);
    expect(same!.error.high).toBeCloseTo(one!.error.high!, 12);
    expect(meanChanges([score(5, 0.1, 1)])[0]!.error).toEqual({ value: 0.1, low: null, high: null });
  });
});

test("groups: means over networks with intervals; one network is none", () => {
  const { networks } = syntheticCriticality();
  const groups = groupResults(networks);
  for (const { group, networks: names, modules } of groups) {
    const own = networks.filter((one) => one.group === group);
    expect(names).toEqual(own.map(({ name }) => name));
    for (const [i, { rewound, logMu }] of modules.entries()) {
      expect(rewound.low).toBeLessThanOrEqual(rewound.value);
      const mus = own.map((one) => one.modules[i]!.maps[0]!.criticality[0]!.mu.value);
      expect(logMu === null).toBe(mus.includes(null));
    }
  }
  expect(groups.length).toBeGreaterThan(0);
  expect(groupResults([networks[0]!])).toEqual([]);
});
