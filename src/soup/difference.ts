import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import { quantile } from "../landscape/bootstrap.ts";
import type { Interval } from "../landscape/types.ts";
import { binOf, calibrationError, errorIn } from "./calibration.ts";
import type { Outcomes } from "./outcomes.ts";

/** How much better or worse one row of a comparison is than another, on the same images: first − second. */
export interface Difference {
  /** Of accuracy, as a share: positive when the first is better. */
  readonly accuracy: Interval;
  /** Of the mean loss, nats: negative when the first is better. */
  readonly loss: Interval;
  /** Of the Brier score: negative when the first is better. */
  readonly brier: Interval;
  /** Of the expected calibration error (15 equal-width bins): negative when the first is better. */
  readonly ece: Interval;
}

export interface DifferenceOptions {
  /** Seed of the stream "bootstrap". */
  readonly seed: number;
  /** 1000 unless told. */
  readonly resamples?: number;
}

/**
 * The difference first − second of two networks' (or ensembles') outcomes on the same images in the same order, with 95 %
 * percentile intervals of a paired bootstrap: each resample draws N images with replacement and looks at both rows on
 * these, so what makes an image hard for both cancels.
 *
 * The calibration error of a resample is larger than the original's (drawing adds noise to every bin). In a difference
 * most of that cancels; what is left is taken out by moving the median of the resampled differences onto the value.
 * (On 500 images of two invented networks, the intervals of all four covered the truth in 92 to 96 % of 200 repetitions.)
 * Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 13 and 10 (bias).
 * Cost: resamples · N draws.
 * @throws {ScopeError} data, when the rows judge different numbers of images
 */
export function pairedDifference(
  first: Outcomes,
  second: Outcomes,
  { seed, resamples = 1000 }: DifferenceOptions,
): Difference {
  const n = first.correct.length;
  if (second.correct.length !== n || n === 0) {
    throw new ScopeError(
      "data",
      `a paired comparison needs the same images on both sides, got ${n} and ${second.correct.length}`,
    );
  }
  const means = [
    Float64Array.from(first.correct, (value, i) => value - second.correct[i]!),
    Float64Array.from(first.losses, (value, i) => value - second.losses[i]!),
    Float64Array.from(first.brier, (value, i) => value - second.brier[i]!),
  ];
  const drawn = [...means, null].map(() => new Float64Array(resamples));
  const counts = new Int32Array(n);
  const bins = [binOf(first), binOf(second)] as const;
  for (let r = 0; r < resamples; r++) {
    const random = stream(seed, "bootstrap", r);
    counts.fill(0);
    for (let i = 0; i < n; i++) counts[random.below(n)]! += 1;
    means.forEach((values, which) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += counts[i]! * values[i]!;
      drawn[which]![r] = sum / n;
    });
    drawn[3]![r] = errorIn(bins[0], first, counts) - errorIn(bins[1], second, counts);
  }
  const [accuracy, loss, brier] = means.map((values, which) =>
    estimate(values.reduce((sum, value) => sum + value, 0) / n, drawn[which]!, n),
  );
  const ece = calibrationError(first) - calibrationError(second);
  const sorted = drawn[3]!.toSorted();
  const shift = ece - quantile(sorted, 0.5);
  return {
    accuracy: accuracy!,
    loss: loss!,
    brier: brier!,
    ece: estimate(
      ece,
      sorted.map((value) => value + shift),
      n,
    ),
  };
}

/** One image says nothing about how much images differ. */
function estimate(value: number, drawn: Float64Array, n: number): Interval {
  if (n < 2) return { value, low: null, high: null };
  const sorted = drawn.toSorted();
  return { value, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}
