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

interface Found {
  readonly height: number;
  readonly at: number;
}

/**
 * The barriers of a path in all conventions (see `BarrierDefinition`), on loss and on error, over its points with α in
 * [0, 1]: chord, mean, and midpoint where ½ is among the points. The loss barriers are left out when an image's loss in
 * [0, 1] is not finite: their height would be no number.
 *
 * Intervals (95 %) are bootstrapped over images, paired: a resample takes the same images at all points, and the highest
 * point is sought anew in each. A supremum over noisy points lies too high on average, that of the sample as much above
 * the truth as the resampled ones above the sample's (b, the bootstrap's estimate of the bias). So `value` is the
 * sample's own, as the literature reports it; the upper end is the 97.5 % percentile as it is; the lower end is the 2.5 %
 * percentile less 2b, where b ≥ 0. Two networks without a barrier thus have an interval that reaches down to 0, and a
 * high one keeps its percentile interval, as b is small there. Both ends include `value`; chord and mean barriers, ≥ 0 by
 * definition, end at 0. The midpoint has no supremum and gets the plain percentiles.
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
  const draws = wanted.map(() => new Float64Array(n > 1 ? resamples : 0));
  if (n > 1) {
    resampleMeans(columns, { seed, resamples, signal }, (means, resample) => {
      wanted.forEach(({ quantity, definition }, i) => {
        draws[i]![resample] = heightOf(definition, alphas, means, startOf(quantity)).height;
      });
    });
  }
  return wanted.map(({ quantity, definition }, i) => {
    const found = heightOf(definition, alphas, own, startOf(quantity));
    return {
      definition,
      quantity,
      split,
      height: intervalOf(found.height, draws[i]!, definition),
      at: found.at,
    };
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

/** Height and place of the barrier of means[start …], one mean for each α (ascending, from 0 to 1). */
function heightOf(
  definition: BarrierDefinition,
  alphas: readonly number[],
  means: Float64Array,
  start: number,
): Found {
  const a = means[start]!;
  const b = means[start + alphas.length - 1]!;
  const middle = (a + b) / 2;
  if (definition === "midpoint") {
    return { height: means[start + alphas.indexOf(0.5)]! - middle, at: 0.5 };
  }
  // Between equal networks the chord differs from the path by rounding only: that is no place of a barrier.
  const slack = 1e-12 * (Math.abs(a) + Math.abs(b));
  let height = -Infinity;
  let at = 0;
  for (let i = 0; i < alphas.length; i++) {
    const alpha = alphas[i]!;
    const floor = definition === "mean" ? middle : (1 - alpha) * a + alpha * b;
    const above = means[start + i]! - floor;
    if (above > height + slack) {
      height = above;
      at = alpha;
    }
  }
  return { height, at };
}

function intervalOf(value: number, draws: Float64Array, definition: BarrierDefinition): Interval {
  if (draws.length === 0) return { value, low: null, high: null };
  const sorted = draws.toSorted();
  const low = quantile(sorted, 0.025);
  const high = quantile(sorted, 0.975);
  if (definition === "midpoint") return { value, low: Math.min(low, value), high: Math.max(high, value) };
  let sum = 0;
  for (const draw of draws) sum += draw;
  const bias = Math.max(0, sum / draws.length - value);
  return {
    value,
    low: Math.min(value, Math.max(0, low - 2 * bias)),
    high: Math.max(value, high),
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
