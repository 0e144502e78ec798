import fc from "fast-check";
import { describe, expect, test } from "vitest";
import recorded from "../../test/oracle/ece.json" with { type: "json" };
import { stream } from "../base/random.ts";
import { calibration, calibrationError } from "./calibration.ts";
import { pairedDifference } from "./difference.ts";
import { ensembleLogits, ensembleProbabilities } from "./ensemble.ts";
import { softmax } from "./mixing.ts";
import { type Outcomes, outcomes } from "./outcomes.ts";
import { quality, summarise } from "./quality.ts";

/** Outcomes that have the given confidences; losses and Brier scores are not looked at. */
function confident(confidence: readonly number[], correct: readonly number[]): Outcomes {
  const none = new Float64Array(confidence.length);
  return {
    confidence: Float64Array.from(confidence),
    correct: Uint8Array.from(correct),
    losses: none,
    brier: none,
  };
}

/** Random logits that know something of the labels. */
function guesses(
  count: number,
  classes: number,
  seed: number,
  skill = 1,
): { logits: Float32Array; labels: Int32Array } {
  const random = stream(seed, "noise");
  const labels = Int32Array.from({ length: count }, () => random.below(classes));
  const logits = Float32Array.from({ length: count * classes }, () => random.normal());
  labels.forEach((label, i) => (logits[i * classes + label]! += skill));
  return { logits, labels };
}

describe("quality", () => {
  test.each(recorded.cases.map((one, i) => ({ i, ...one })))("is NumPy's (case $i)", (one) => {
    const logits = Float32Array.from(one.logits);
    const found = quality(logits, one.labels, one.classes, 3);
    expect(found.accuracy.value).toBe(one.accuracy);
    expect(found.loss.value).toBeCloseTo(one.loss, 12);
    expect(found.brier).toBeCloseTo(one.brier, 12);
    expect(found.passes).toBe(3);
    const single = outcomes(logits, one.labels, one.classes);
    const { bins } = one;
    expect(calibrationError(single, { bins })).toBeCloseTo(one.equalWidth, 12);
    expect(calibrationError(single, { bins, equal: "count" })).toBeCloseTo(one.equalCount, 12);
    if (bins === 15) expect(found.ece).toBe(calibrationError(single));
  });

  test("two images by hand: logits (0, ln 3) and (0, 0)", () => {
    const found = quality(Float32Array.of(0, Math.log(3), 0, 0), [1, 1], 2);
    // Probabilities (¼, ¾) and (½, ½); the first of equal ones is the prediction.
    expect(found.accuracy.value).toBe(0.5);
    expect(found.loss.value).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 7);
    expect(found.brier).toBeCloseTo((2 / 16 + 2 / 4) / 2, 7);
    expect(found.ece).toBeCloseTo((Math.abs(1 - 0.75) + Math.abs(0 - 0.5)) / 2, 7);
  });

  test("one image has no interval of its loss", () => {
    expect(quality(Float32Array.of(1, 0), [0], 2).loss).toMatchObject({ low: null, high: null });
  });

  test("refuses labels, sizes and logits that cannot be", () => {
    expect(() => outcomes(Float32Array.of(1, 0), [2], 2)).toThrow(
      "image 0 has label 2, the network tells 2 classes apart",
    );
    expect(() => outcomes(Float32Array.of(1, 0), [0, 1], 2)).toThrow(
      "2 images of 2 classes need 4 logits, got 2",
    );
    expect(() => outcomes(Float32Array.of(1, Number.NaN), [0], 2)).toThrow(
      "image 0 gets logits that are not numbers",
    );
    expect(() => outcomes(new Float32Array(0), [], 2)).toThrow("there are no images to judge predictions on");
  });
});

describe("the calibration error", () => {
  test("by hand: (0.55, 0.65 → ½ right) and (0.95, 0.85 → all right) in five bins", () => {
    const found = confident([0.55, 0.65, 0.95, 0.85], [1, 0, 1, 1]);
    // Bins (0.4, 0.6]: |1 − 0.55|; (0.6, 0.8]: |0 − 0.65|; (0.8, 1]: |1 − 0.9| for two.
    expect(calibrationError(found, { bins: 5 })).toBeCloseTo((0.45 + 0.65 + 2 * 0.1) / 4, 12);
    // Two bins of two: |½ − 0.6| and |1 − 0.9|.
    expect(calibrationError(found, { bins: 2, equal: "count" })).toBeCloseTo((0.1 + 0.1) / 2, 12);
  });

  test("an edge belongs to the bin below it; 1 to the last", () => {
    expect(calibration(confident([0.25, 0.5, 1], [0, 1, 1]), { bins: 4 })).toEqual([
      { count: 1, confidence: 0.25, accuracy: 0 },
      { count: 1, confidence: 0.5, accuracy: 1 },
      { count: 1, confidence: 1, accuracy: 1 },
    ]);
  });

  test("does not depend on the order of images, equal confidences included", () => {
    const rows = fc.array(fc.record({ c: fc.constantFrom(0.3, 0.5, 0.7, 0.9), r: fc.constantFrom(0, 1) }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(rows, fc.constantFrom("width" as const, "count" as const), (given, equal) => {
        const of = (list: typeof given): number =>
          calibrationError(
            confident(
              list.map(({ c }) => c),
              list.map(({ r }) => r),
            ),
            { bins: 7, equal },
          );
        expect(of(given.toReversed())).toBeCloseTo(of(given), 12);
      }),
    );
  });
});

describe("ensembles", () => {
  test("of one are that one", () => {
    const { logits, labels } = guesses(20, 4, 1);
    expect(ensembleLogits([logits])).toEqual(logits);
    const one = outcomes(logits, labels, 4);
    const same = outcomes(ensembleProbabilities([logits], 4), labels, 4);
    one.losses.forEach((loss, i) => expect(same.losses[i]).toBeCloseTo(loss, 10));
  });

  test("average logits or probabilities: two sure opposites by hand", () => {
    const far = [Float32Array.of(80, 0), Float32Array.of(0, 40)];
    expect(ensembleLogits(far)).toEqual(Float32Array.of(40, 20));
    const [a, b] = ensembleProbabilities(far, 2);
    // (1 + e⁻⁴⁰)/2 and (e⁻⁸⁰ + 1)/2.
    expect(a).toBeCloseTo(Math.log(0.5), 12);
    expect(b).toBeCloseTo(Math.log(0.5), 12);
  });

  test("the mean of probabilities has no higher loss than the members on average (Jensen), and no higher Brier score", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat({ max: 1000 }), (count, seed) => {
        const { labels } = guesses(12, 3, seed);
        const members = Array.from({ length: count }, (_, i) => guesses(12, 3, seed + i, 2).logits);
        const alone = members.map((logits) => quality(logits, labels, 3));
        const joined = quality(ensembleProbabilities(members, 3), labels, 3, count);
        const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
        expect(joined.loss.value).toBeLessThanOrEqual(mean(alone.map(({ loss }) => loss.value)) + 1e-9);
        expect(joined.brier).toBeLessThanOrEqual(mean(alone.map(({ brier }) => brier)) + 1e-9);
      }),
    );
  });

  test("refuse no members and members of other images", () => {
    expect(() => ensembleLogits([])).toThrow("there is no network in the ensemble");
    expect(() => ensembleLogits([new Float32Array(4), new Float32Array(6)])).toThrow("found 4 and 6 logits");
  });
});

describe("the paired difference", () => {
  const count = 400;
  const { logits, labels } = guesses(count, 4, 2);
  const sharper = logits.map((value) => 3 * value);
  const first = outcomes(logits, labels, 4);
  const second = outcomes(sharper, labels, 4);

  test("of a row with itself is exactly nothing", () => {
    const zero = { value: 0, low: 0, high: 0 };
    expect(pairedDifference(first, first, { seed: 1, resamples: 50 })).toEqual({
      accuracy: zero,
      loss: zero,
      brier: zero,
      ece: zero,
    });
  });

  test("has the interval of the normal approximation, and the same bits for the same seed", () => {
    const found = pairedDifference(first, second, { seed: 1 });
    const each = Array.from(first.losses, (loss, i) => loss - second.losses[i]!);
    const mean = each.reduce((a, b) => a + b, 0) / count;
    const error = Math.sqrt(each.reduce((a, b) => a + (b - mean) ** 2, 0) / (count - 1) / count);
    expect(found.loss.value).toBeCloseTo(mean, 12);
    expect(found.loss.value).toBeCloseTo(summarise(first).loss.value - summarise(second).loss.value, 12);
    // 1000 resamples know a 2.5 % quantile to about 5 % of the error.
    expect(Math.abs((found.loss.low! - (mean - 1.96 * error)) / error)).toBeLessThan(0.3);
    expect(Math.abs((found.loss.high! - (mean + 1.96 * error)) / error)).toBeLessThan(0.3);
    // The same order of logits: no prediction changes.
    expect(found.accuracy).toEqual({ value: 0, low: 0, high: 0 });
    expect(found.ece.value).toBeCloseTo(summarise(first).ece - summarise(second).ece, 12);
    expect(found.ece.low!).toBeLessThanOrEqual(found.ece.value);
    expect(found.ece.high!).toBeGreaterThanOrEqual(found.ece.value);
    expect(pairedDifference(first, second, { seed: 1 })).toEqual(found);
    expect(pairedDifference(first, second, { seed: 2 }).loss.low).not.toBe(found.loss.low);
  });

  test("changes sign with its rows", () => {
    const there = pairedDifference(first, second, { seed: 4, resamples: 120 });
    const back = pairedDifference(second, first, { seed: 4, resamples: 120 });
    expect(back.loss.value).toBeCloseTo(-there.loss.value, 12);
    expect(back.loss.low).toBeCloseTo(-there.loss.high!, 12);
  });

  test("covers the truth about as often as it says", () => {
    /** An overconfident judge of drawn labels, and a noisy one that is less so. */
    const rows = (n: number, seed: number): { sure: Outcomes; noisy: Outcomes } => {
      const random = stream(seed, "noise", "coverage");
      const z = Float32Array.from({ length: 5 * n }, () => 2 * random.normal());
      const drawn = Int32Array.from({ length: n }, (_, i) => {
        const shares = softmax([...z.subarray(5 * i, 5 * i + 5)]);
        let left = random.uniform();
        return shares.findIndex((share, k) => (left -= share) < 0 || k === 4);
      });
      const other = z.map((value) => 1.3 * (value + 0.7 * random.normal()));
      return {
        sure: outcomes(
          z.map((value) => 2 * value),
          drawn,
          5,
        ),
        noisy: outcomes(other, drawn, 5),
      };
    };
    const many = rows(60_000, 0);
    const truth = pairedDifference(many.sure, many.noisy, { seed: 0, resamples: 1 });
    const measures = ["accuracy", "loss", "brier", "ece"] as const;
    const hits = { accuracy: 0, loss: 0, brier: 0, ece: 0 };
    for (let repetition = 1; repetition <= 60; repetition++) {
      const { sure, noisy } = rows(500, repetition);
      const found = pairedDifference(sure, noisy, { seed: repetition, resamples: 120 });
      for (const measure of measures) {
        const { low, high } = found[measure];
        if (low! <= truth[measure].value && truth[measure].value <= high!) hits[measure]++;
      }
    }
    // 57 of 60 expected; by chance one of the four is below 51 in 3 of 1,000 such tests.
    for (const measure of measures) expect(hits[measure], measure).toBeGreaterThanOrEqual(51);
  });

  test("needs the same images", () => {
    const fewer = outcomes(logits.subarray(0, 8), labels.subarray(0, 2), 4);
    expect(() => pairedDifference(first, fewer, { seed: 1 })).toThrow(
      "the same images on both sides, got 400 and 2",
    );
  });
});
