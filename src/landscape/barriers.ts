import { ScopeError } from "../base/error.ts";
import { quantile, resampleMeans } from "./bootstrap.ts";
import type { Barrier, BarrierDefinition, Interval, PerImage, Split, Verdict } from "./types.ts";

export interface BarrierOptions {
  readonly split: Split;
  readonly seed: number;
  /** Bootstrap resamples; 1000 unless told. */
  readonly resamples?: number;
  readonly signal?: AbortSignal | undefined;
}

type Quantity = Barrier["quantity"];

/**
 * The barriers of a path in all conventions (see `BarrierDefinition`), on loss and on error, over its points with α in
 * [0, 1]: chord, mean, and midpoint where ½ is among the points. The loss barriers are left out when an image's loss in
 * [0, 1] is not finite: their height would be no number.
 *
 * Intervals (95 %) are bootstrapped over images, paired: a resample takes the same images at all points. `value` is the
 * sample's own, as the literature reports it, and each interval includes it. The midpoint gets plain percentiles. The
 * others are suprema, and a supremum over noisy points lies too high: two networks without any barrier would show one,
 * with a percentile interval above 0. So the ends are one-sided bounds:
 * - low: the highest point less c, where c is the 97.5 % percentile of max_α (resampled − own height at α): all points
 *   rise above the truth by at most c at once. Points that lie more than 2c below the highest are then left out and c is
 *   taken again without them, as they cannot hold the supremum (Chernozhukov, Lee and Rosen 2013, "Intersection bounds",
 *   Econometrica 81, simplified: one width for all points). Not below 0, as these barriers are ≥ 0 by definition.
 * - high: the 97.5 % percentile of the resampled suprema; their bias is upwards, so this bound is on the safe side.
 *
 * What happened to no image happens in no resample: where all points classify the same few images alike, resampling
 * alone would call a barrier of the error excluded. So its high end is at least 1 − 0.025^(1/n), the rise that n images
 * without a change leave open (Clopper and Pearson 1934, Biometrika 26), unless all points are one function but for
 * rounding.
 *
 * @param at positions in any order; 0 and 1 must be among them
 * @param values what the network does there, parallel to `at`
 * @throws {ScopeError} usage, when 0 or 1 is missing; shape, when the sizes differ; data, when there are no images
 */
export function barriers(
  at: readonly number[],
  values: readonly PerImage[],
  options: BarrierOptions,
): Barrier[] {
  const { split, seed, resamples = 1000, signal } = options;
  const kept = inside(at, values);
  const alphas = kept.map((point) => point.alpha);
  const n = kept[0]!.losses.length;
  const losses = kept.map((point) => point.losses);
  const wrong = kept.map((point) => Float32Array.from(point.correct, (one) => 1 - one));
  const finite = losses.every((column) => column.every((value) => Number.isFinite(value)));
  const quantities: readonly Quantity[] = finite ? ["loss", "error"] : ["error"];
  const definitions: readonly BarrierDefinition[] = alphas.includes(0.5)
    ? ["chord", "mean", "midpoint"]
    : ["chord", "mean"];
  const wanted = quantities.flatMap((quantity) =>
    definitions.map((definition) => ({ quantity, definition })),
  );
  const columns = quantities.flatMap((quantity) => (quantity === "loss" ? losses : wrong));
  const startOf = (quantity: Quantity): number => quantities.indexOf(quantity) * alphas.length;

  const own = Float64Array.from(columns, (column) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += column[i]!;
    return sum / n;
  });
  // Height above the floor, by point: of the sample, and of every resample one after the other.
  const heights = wanted.map((one) => heightsOf(one.definition, alphas, own, startOf(one.quantity)));
  const draws = heights.map((row) => new Float64Array(n > 1 ? resamples * row.length : 0));
  if (n > 1) {
    resampleMeans(columns, { seed, resamples, signal }, (means, resample) => {
      wanted.forEach(({ quantity, definition }, i) => {
        const row = heightsOf(definition, alphas, means, startOf(quantity));
        draws[i]!.set(row, resample * row.length);
      });
    });
  }
  const unseen = isOneFunction(kept) ? 0 : 1 - 0.025 ** (1 / n);
  return wanted.map(({ quantity, definition }, i) => {
    const row = heights[i]!;
    const least = quantity === "error" ? unseen : 0;
    if (definition === "midpoint") {
      return { definition, quantity, split, height: percentiles(row[0]!, draws[i]!, least), at: 0.5 };
    }
    // Between equal networks the path leaves the chord by rounding only: that is no place of a barrier.
    const first = startOf(quantity);
    const slack = 1e-12 * (Math.abs(own[first]!) + Math.abs(own[first + alphas.length - 1]!));
    let top = 0;
    for (let at = 1; at < row.length; at++) if (row[at]! > row[top]! + slack) top = at;
    return { definition, quantity, split, height: supremum(row, top, draws[i]!, least), at: alphas[top]! };
  });
}

/** The points with α in [0, 1], ascending; checked. */
function inside(
  at: readonly number[],
  values: readonly PerImage[],
): (PerImage & { readonly alpha: number })[] {
  if (at.length !== values.length) {
    throw new ScopeError("shape", `a path of ${at.length} points has values at ${values.length}`);
  }
  const kept = at
    .map((alpha, i) => ({ alpha, losses: values[i]!.losses, correct: values[i]!.correct }))
    .filter(({ alpha }) => alpha >= 0 && alpha <= 1)
    .toSorted((a, b) => a.alpha - b.alpha);
  if (kept[0]?.alpha !== 0 || kept.at(-1)?.alpha !== 1) {
    throw new ScopeError(
      "usage",
      "a barrier stands between two networks: the path must have a point at each, 0 and 1",
      {
        hint: "take a range that includes 0 and 1, such as 0:1:25",
      },
    );
  }
  const n = kept[0].losses.length;
  for (const { alpha, losses, correct } of kept) {
    if (losses.length === n && correct.length === n) continue;
    throw new ScopeError(
      "shape",
      `a path looks at the same images everywhere: ${n} at 0, but ${losses.length} losses and ${correct.length} predictions at ${alpha}`,
    );
  }
  if (n === 0) throw new ScopeError("data", "a barrier cannot be had without images");
  return kept;
}

/** Heights above the definition's floor, of means[start …] at each α (ascending, from 0 to 1); the midpoint's only one. */
function heightsOf(
  definition: BarrierDefinition,
  alphas: readonly number[],
  means: Float64Array,
  start: number,
): Float64Array {
  const a = means[start]!;
  const b = means[start + alphas.length - 1]!;
  const middle = (a + b) / 2;
  if (definition === "midpoint") return Float64Array.of(means[start + alphas.indexOf(0.5)]! - middle);
  const heights = new Float64Array(alphas.length);
  for (let i = 0; i < alphas.length; i++) {
    const floor = definition === "mean" ? middle : (1 - alphas[i]!) * a + alphas[i]! * b;
    heights[i] = means[start + i]! - floor;
  }
  return heights;
}

/** Losses that differ by no more, relative to their size, differ by rounding. */
const rounding = 1e-4;

/** Whether the network is the same function of every image at all points: a path between copies. */
function isOneFunction([first, ...others]: readonly PerImage[]): boolean {
  return others.every(
    ({ losses, correct }) =>
      losses.every((loss, i) => Math.abs(loss - first!.losses[i]!) <= rounding * (1 + Math.abs(loss))) &&
      correct.every((one, i) => one === first!.correct[i]),
  );
}

/** `least`: how far from the value the interval reaches where resampling shows no spread. */
function percentiles(value: number, draws: Float64Array, least: number): Interval {
  if (draws.length === 0) return { value, low: null, high: null };
  const sorted = draws.toSorted();
  const [low, high] = [quantile(sorted, 0.025), quantile(sorted, 0.975)];
  const more = low === high ? least : 0;
  return { value, low: Math.min(low - more, value), high: Math.max(high + more, value) };
}

/**
 * The interval of a supremum over points, as `barriers` describes it. `draws`: resamples × points, row by row; `least`:
 * its high end is not below.
 */
function supremum(own: Float64Array, top: number, draws: Float64Array, least: number): Interval {
  const value = own[top]!;
  const resamples = draws.length / own.length;
  if (resamples === 0) return { value, low: null, high: null };
  const highest = (of: (draw: number, point: number) => number): number => {
    const all = new Float64Array(resamples).fill(-Infinity);
    for (let r = 0; r < resamples; r++) {
      for (let point = 0; point < own.length; point++) {
        all[r] = Math.max(all[r]!, of(draws[r * own.length + point]!, point));
      }
    }
    return quantile(all.sort(), 0.975);
  };
  const rise = highest((draw, point) => draw - own[point]!);
  const near = highest((draw, point) => (own[point]! >= value - 2 * rise ? draw - own[point]! : -Infinity));
  return {
    value,
    low: Math.min(value, Math.max(0, value - Math.max(0, near))),
    high: Math.max(
      value,
      least,
      highest((draw) => draw),
    ),
  };
}

/**
 * Instability of a pair: how far the error on the path rises above the mean of the two networks' errors.
 * Source: Frankle et al. 2020, arXiv:1912.05671, section 2.
 * @throws {ScopeError} bug, when the barriers of that split are not among those given
 */
export function instability(among: readonly Barrier[], split: Split = "test"): Interval {
  const found = among.find(
    (one) => one.definition === "mean" && one.quantity === "error" && one.split === split,
  );
  if (found !== undefined) return found.height;
  throw new ScopeError(
    "bug",
    `internal: no mean barrier of the error on ${split} images among ${among.length} barriers`,
  );
}

/** Whether a barrier stands there, by an interval of its height against a threshold (Frankle's 2 % of error). */
export function verdict(of: Interval, threshold = 0.02): Verdict {
  const says =
    of.low === null || of.high === null
      ? "open"
      : of.high < threshold
        ? "connected"
        : of.low > threshold
          ? "barrier"
          : "open";
  return { says, threshold, of };
}
