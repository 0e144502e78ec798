import { describe, expect, test } from "vitest";
import { gridWords, instabilityWords, rowName } from "./instability-words.ts";
import type { GridRow, InstabilityAt, Interval } from "./results.ts";

function interval(value: number, half: number | null = value / 4): Interval {
  return half === null ? { value, low: null, high: null } : { value, low: value - half, high: value + half };
}

function at(k: number, value: number, half?: number | null, distance = 10 - k / 1000): InstabilityAt {
  return {
    k,
    pairs: [],
    instability: interval(value, half),
    lossBarrier: interval(value),
    distance: interval(distance),
    stable: value < 0.02 ? 1 : 0,
  };
}

function row(label: string, height: number, half: number | null, more: Partial<GridRow> = {}): GridRow {
  const accuracy = [0.6, 0.1, 0.64].map((value) => interval(value, null));
  const curves = [{ split: "test", images: 100, loss: [], accuracy }];
  const pair = { path: { curves } } as unknown as GridRow["pairs"][number];
  return {
    label,
    sameStart: false,
    sameHead: false,
    sameOrder: false,
    rateFactor: 1,
    pairs: [pair, pair, pair],
    chord: [
      { split: "train", quantity: "loss", height: interval(height, half) },
      { split: "test", quantity: "error", height: interval(height / 4, half === null ? null : half / 4) },
    ],
    ...more,
  };
}

const facts = { total: 6000, vary: ["order"], threshold: 0.02, spawn: [], grid: [] };

describe("moments", () => {
  test("between which training becomes stable", () => {
    const text = instabilityWords({ ...facts, spawn: [at(0, 0.4), at(200, 0.05), at(500, 0.012)] });
    expect(text).toEqual([
      "Training becomes stable between k = 200 (3 % of training) and k = 500 (8 % of training): children that differ in the order of images have an instability of 5.0 (3.8 to 6.3) points at the first and 1.2 (0.9 to 1.5) points at the second; the threshold of 2 points of error lies between.",
      "At k = 0 (0 % of training) it is 40.0 (30.0 to 50.0) points.",
      "The l2 distance between children is 10.0 at k = 0 and 9.5 at k = 500 (95 % of it): to be connected is not to be close.",
    ]);
  });

  test("an interval that includes the threshold is no finding", () => {
    const [line, open] = instabilityWords({ ...facts, spawn: [at(0, 0.4), at(500, 0.018, 0.01)] });
    expect(line).toMatch(/^Training appears to become stable between/);
    expect(open).toMatch(
      /^At k = 500 the interval over pairs includes the threshold.* could not be shown\.$/,
    );
  });

  test("stable from the start, and never", () => {
    expect(instabilityWords({ ...facts, spawn: [at(0, 0.001), at(500, 0)] })[0]).toMatch(
      /^Children that differ in the order of images are stable from the first moment looked at on, k = 0/,
    );
    expect(instabilityWords({ ...facts, spawn: [at(0, 0.5), at(500, 0.2)] })[0]).toMatch(
      /are not stable at any later moment looked at: at k = 500 .* still 20\.0 .* Add later moments to spawn\.$/,
    );
  });

  test("a headline says no more than its intervals show", () => {
    expect(instabilityWords({ ...facts, spawn: [at(0, 0.01, 0.05), at(500, 0.01, 0.05)] })[0]).toContain(
      "appear stable from the first moment",
    );
    expect(instabilityWords({ ...facts, spawn: [at(0, 0.5), at(500, 0.03, 0.05)] })[0]).toContain(
      "do not appear stable at any later moment",
    );
  });

  test("one parent run has no interval", () => {
    expect(instabilityWords({ ...facts, spawn: [at(0, 0.5, null)] })).toEqual([
      "Children that differ in the order of images and part at k = 0 (0 % of training) have an instability of 50.0 points, over the threshold of 2 points of error.",
      "With one parent run there is no interval, so this is not shown.",
    ]);
  });

  test("a control differs in nothing", () => {
    expect(instabilityWords({ ...facts, vary: [], spawn: [at(0, 0, 0)] })[0]).toContain(
      "nothing (a control)",
    );
  });
});

describe("the grid", () => {
  const scratch = row("RI-T / RI-T", 1.7, 0.3);
  const tuned = row("P-T / P-T", 0.02, 0.01, { sameStart: true });

  test("fine-tuned pairs below scratch pairs", () => {
    expect(instabilityWords({ ...facts, grid: [scratch, tuned] })).toEqual([
      "Fine-tuned networks lie in one basin, networks from scratch do not: the chord barrier of the training loss is 0.020 nats (0.010 to 0.030) between fine-tuned networks (other head and order) and 1.700 nats (1.400 to 2.000) between networks from scratch (3 pairs each); the intervals have nothing in common.",
    ]);
  });

  test("one basin is only claimed where the error is under the threshold as well", () => {
    const higher = row("P-T / P-T", 0.2, 0.1, { sameStart: true });
    expect(instabilityWords({ ...facts, grid: [scratch, higher] })[0]).toMatch(
      /^Fine-tuned networks are separated by a lower barrier than networks from scratch: /,
    );
    const [one, other] = [row("RI-T / RI-T", 1.7, null), row("P-T / P-T", 0.02, null)];
    expect(instabilityWords({ ...facts, grid: [one, other] })[0]).toMatch(
      /nothing is shown by one pair each/,
    );
  });

  test("overlapping intervals show no difference", () => {
    const near = row("P-T / P-T", 1.5, 0.3, { sameStart: true });
    expect(instabilityWords({ ...facts, grid: [scratch, near] })[0]).toMatch(
      /^No difference .* could be shown/,
    );
  });

  test("told by the test error, for networks that learned from different images", () => {
    const text = gridWords([scratch, tuned], 0.02, "test error")[0];
    expect(text).toMatch(
      /the chord barrier of the test error is [\d.]+ points \(.*\) between fine-tuned networks/,
    );
    expect(text).not.toContain("nats");
  });

  test("a raised rate is told against the plain one", () => {
    const high = row("P-T / P-T", 0.9, 0.2, { sameStart: true, rateFactor: 10 });
    const text = instabilityWords({ ...facts, grid: [scratch, tuned, high] });
    expect(text[1]).toMatch(/^With 10 times the fine-tuning rate it is 0\.900 nats .* a barrier appears/);
    const same = row("P-T / P-T", 0.02, 0.02, { sameStart: true, rateFactor: 10 });
    expect(instabilityWords({ ...facts, grid: [tuned, scratch, same] })[1]).toContain(
      "no larger barrier could be shown",
    );
    expect(text[1]).toMatch(
      / These networks classify 62 % of the images correctly, those at the plain rate 62 %\.$/,
    );
  });

  test("a row whose runs all diverged is passed over", () => {
    const gone = row("P-T / P-T", 1, 1, { rateFactor: 10, pairs: [], chord: [] });
    expect(instabilityWords({ ...facts, grid: [scratch, tuned, gone] })).toHaveLength(1);
  });

  test("rows have names", () => {
    expect(rowName(row("P-T / P-T", 1, 1, { sameHead: true, rateFactor: 10 }))).toBe(
      "P-T / P-T, same head, other order, rate × 10",
    );
  });
});
