import { describe, expect, test } from "vitest";
import { syntheticResults } from "../../test/kit/synthetic-results.ts";
import { canonical } from "../base/canonical.ts";
import type { Shuffle } from "./config.ts";
import type { Arm } from "./plan.ts";
import type { Run } from "./results.ts";
import { areaUnder, stepsToReach, summarise } from "./summary.ts";

/** A run looked at after steps 0, 10, 20, 40. */
function run(arm: Arm, shuffle: Shuffle, seed: number, testAccuracy: number[]): Run {
  const steps = [0, 10, 20, 40];
  return {
    arm,
    shuffle,
    seed,
    learningRate: 0.1,
    steps,
    trainLoss: [null, 1, 1, 1],
    testLoss: [1, 1, 1, 1],
    testAccuracy,
    finalAccuracy: testAccuracy.at(-1)!,
    finalLoss: 1,
  };
}

describe("one seed", () => {
  const { arms, shuffles } = summarise({
    seeds: [7],
    shuffles: ["none"],
    runs: [
      run("pretrained", "none", 7, [0.2, 0.6, 0.7, 0.8]),
      run("scratch", "none", 7, [0.2, 0.3, 0.5, 0.6]),
    ],
  });
  const [intact] = shuffles;
  test("gives values without intervals", () => {
    expect(intact!.gain.value).toBeCloseTo(0.2, 12);
    expect(intact!.gain.low).toBeNull();
    expect(intact!.relativeGain!.value).toBeCloseTo(0.25, 12);
    expect(arms.map((arm) => [arm.arm, arm.best])).toEqual([
      ["pretrained", 0.8],
      ["scratch", 0.6],
    ]);
  });
  test("areas by hand: trapezoids over 40 steps", () => {
    // scratch: (0.25·10 + 0.4·10 + 0.55·20) / 40 = 17.5 / 40
    expect(arms[1]!.area.value).toBeCloseTo(0.4375, 12);
    // pretrained: (0.4·10 + 0.65·10 + 0.75·20) / 40
    expect(arms[0]!.area.value).toBeCloseTo(0.6375, 12);
    expect(intact!.areaGain.value).toBeCloseTo(0.2, 12);
  });
  test("milestones by hand", () => {
    const [half, , , full] = intact!.milestones;
    // 0.3: scratch at its look after step 10; pretrained a quarter of the way to step 10.
    expect(half!.threshold).toBeCloseTo(0.3, 12);
    expect(half!.scratch).toBeCloseTo(10, 9);
    expect(half!.pretrained).toBeCloseTo(2.5, 9);
    expect(half!.speedUp!.value).toBeCloseTo(4, 9);
    expect(full!.scratch).toBeCloseTo(40, 9);
    expect(full!.pretrained).toBeCloseTo(10, 9);
  });
});

describe("three seeds, worked by hand", () => {
  const level = (shift: number, top: number) => [0.2 + shift, 0.3 + shift, 0.4 + shift, top];
  const runs = [0, 1, 2].flatMap((seed) => [
    run("pretrained", "none", seed, level(0.1, [0.7, 0.72, 0.74][seed]!)),
    run("scratch", "none", seed, level(0, [0.6, 0.61, 0.62][seed]!)),
    run("pretrained", 4, seed, level(0, [0.5, 0.52, 0.51][seed]!)),
    run("scratch", 4, seed, level(0, [0.45, 0.46, 0.46][seed]!)),
  ]);
  const { arms, shuffles } = summarise({ seeds: [0, 1, 2], shuffles: ["none", 4], runs });
  test("mean accuracy ± t s / √n", () => {
    const pretrained = arms[0]!.accuracy;
    expect(pretrained.value).toBeCloseTo(0.72, 12);
    // s = 0.02, t(0.975, 2) = 4.302653: half-width 0.049683
    expect(pretrained.high! - pretrained.value).toBeCloseTo((4.30265273 * 0.02) / Math.sqrt(3), 8);
  });
  test("the gain is paired by seed", () => {
    // 0.10, 0.11, 0.12: s = 0.01
    const { gain } = shuffles[0]!;
    expect(gain.value).toBeCloseTo(0.11, 12);
    expect(gain.value - gain.low!).toBeCloseTo((4.30265273 * 0.01) / Math.sqrt(3), 8);
  });
  test("the share of the gain is the ratio of the mean gains", () => {
    // 0.05, 0.06, 0.05 against 0.10, 0.11, 0.12
    const share = shuffles[1]!.gainShare!;
    expect(share.value).toBeCloseTo(0.16 / 0.33, 12);
    expect(share.low!).toBeLessThan(share.value);
    expect(share.high!).toBeGreaterThan(share.value);
    expect(shuffles[0]!.gainShare).toBeNull();
  });
  test("what the pretrained arm never reached is null, and has no speed-up", () => {
    const runs2 = runs.map((one) =>
      one.arm === "pretrained" ? { ...one, testAccuracy: [0.2, 0.25, 0.3, 0.35] } : one,
    );
    const full = summarise({ seeds: [0, 1, 2], shuffles: ["none", 4], runs: runs2 }).shuffles[0]!
      .milestones[3]!;
    expect(full.pretrained).toBeNull();
    expect(full.scratch).toBe(40);
    expect(full.speedUp).toBeNull();
  });
});

test("no share of a gain that was not shown", () => {
  const { shuffles } = summarise(syntheticResults({ gain: 0, speedUp: 1, noise: 0.02 }));
  expect(shuffles.map(({ gainShare }) => gainShare)).toEqual([null, null, null, null, null, null]);
});

test("the summary is plain data, and the same each time", () => {
  const once = canonical(syntheticResults().summary);
  expect(canonical(syntheticResults().summary)).toBe(once);
});

test("a missing run is refused by name", () => {
  const { runs } = syntheticResults();
  const lacking = runs.filter((one) => !(one.arm === "scratch" && one.shuffle === 4 && one.seed === 1));
  expect(() => summarise({ runs: lacking, shuffles: ["none", 4], seeds: [0, 1, 2] })).toThrow(
    "scratch, shuffle 4, seed 1",
  );
});

test("runs looked at after other steps are refused", () => {
  const runs = [
    run("pretrained", "none", 0, [0.2, 0.6, 0.7, 0.8]),
    { ...run("scratch", "none", 0, [0, 0, 0, 0]), steps: [0, 1, 2, 3] },
  ];
  expect(() => summarise({ runs, shuffles: ["none"], seeds: [0] })).toThrow("other steps");
});

test("steps to reach: at the start, between looks, never", () => {
  expect(stepsToReach([0, 10], [0.5, 0.7], 0.4)).toBe(0);
  expect(stepsToReach([0, 10], [0.5, 0.7], 0.6)).toBeCloseTo(5, 9);
  expect(stepsToReach([0, 10], [0.5, 0.7], 0.71)).toBeNull();
});

test("the area under one look is that look", () => {
  expect(areaUnder({ steps: [5], testAccuracy: [0.3] })).toBe(0.3);
});
