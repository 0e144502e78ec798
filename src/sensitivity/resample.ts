import { stream } from "../base/random.ts";
import { isExact, meanOf, quantileOf } from "./interval.ts";
import { bestOf, leastMu, rowsOf } from "./rows.ts";
import type { SampledMap } from "./types.ts";

export interface Resampling {
  readonly seed: number;
  readonly resamples: number;
  /**
   * Which of several maps this is. Draws get the same weights in all maps (draw s of every module of a network is on the same
   * images); what nobody saw is independent between parts.
   */
  readonly part?: number | undefined;
}

/**
 * Mean excess of every place under resampling of draws: `use` gets them once a resample, by place.
 *
 * The Bayesian bootstrap (Rubin 1981, Ann. Statist. 9): each draw gets a weight from the exponential distribution, the same
 * at all places, so that common random numbers stay common; a place with fewer draws uses its own prefix.
 *
 *   resampled = mean + f · (weighted mean − mean) + (E₁ − E₂) / n
 *
 * Deviations, so that the resampled means of one place spread as `placeInterval` says:
 * - f = t/z · √((draws + 1) / (draws − 1)): few draws spread less than they should, and Student's t is wider than a normal.
 * - E₁, E₂ exponential, the same at all places, n = draws · block images: where every draw gave the same (no error at all),
 *   weights change nothing, but a rate of errors never seen in n images is itself distributed as E/n (the posterior under a
 *   flat prior, whose 95 % point is the rule of three).
 *
 * A place without noise at which every image was looked at is exact and keeps its mean.
 * Cost: resamples × places × draws.
 * @param use gets an array that the next resample overwrites
 */
export function resamplePlaces(
  map: SampledMap,
  { seed, resamples, part = 0 }: Resampling,
  use: (means: Float64Array, resample: number) => void,
): void {
  const { places } = map;
  const most = places.reduce((top, { excess }) => Math.max(top, excess.length), 0);
  const own = places.map(({ excess }) => meanOf(excess));
  const factor = places.map(({ excess: { length: n } }) =>
    n < 2 ? 0 : (quantileOf(0.95, n - 1) / normal) * Math.sqrt((n + 1) / (n - 1)),
  );
  const fixed = places.map((place) => isExact(place, place.excess.length, map));
  const weights = new Float64Array(most);
  const means = new Float64Array(places.length);
  for (let resample = 0; resample < resamples; resample++) {
    const random = stream(seed, "bootstrap", "draws", resample);
    for (let s = 0; s < most; s++) weights[s] = -Math.log(1 - random.uniform());
    const other = stream(seed, "bootstrap", "unseen", part, resample);
    const unseen = Math.log(1 - other.uniform()) - Math.log(1 - other.uniform());
    for (let p = 0; p < places.length; p++) {
      const { excess } = places[p]!;
      const mean = own[p]!;
      if (fixed[p]!) {
        means[p] = mean;
        continue;
      }
      const n = excess.length;
      let sum = 0;
      let all = 0;
      for (let s = 0; s < n; s++) {
        const weight = weights[s]!;
        sum += weight * (excess[s]! - mean);
        all += weight;
      }
      means[p] = mean + (factor[p]! * sum) / all + unseen / (n * map.block);
    }
    use(means, resample);
  }
}

// Normal quantile for 95 %.
const normal = 1.959963984540054;

/** μ of a map, and of every resample; Infinity where nothing is within ε. */
export interface ResampledMu {
  readonly value: number;
  /** `bestOf`'s, by resample: places seen. */
  readonly seen: Float64Array;
  /** `leastMu`'s: noise up to the next place that is not within ε. Never above `seen`. */
  readonly least: Float64Array;
  /** `leastMu` of the map itself. */
  readonly leastValue: number;
}

/** μ(ε) under resampling of draws. Resamples do not depend on ε, so each of them, too, falls as ε rises. */
export function resampleMu(map: SampledMap, epsilon: number, options: Resampling): ResampledMu {
  const { span, alphas, places } = map;
  const rows = rowsOf(places, alphas);
  const own = places.map(({ excess }) => meanOf(excess));
  const seen = new Float64Array(options.resamples);
  const least = new Float64Array(options.resamples);
  resamplePlaces(map, options, (means, resample) => {
    seen[resample] = bestOf(rows, means, epsilon, span)?.mu ?? Infinity;
    least[resample] = leastMu(rows, means, epsilon, span);
  });
  return {
    value: bestOf(rows, own, epsilon, span)?.mu ?? Infinity,
    leastValue: leastMu(rows, own, epsilon, span),
    seen,
    least,
  };
}

/**
 * The ends of a 95 % interval from two lists of resampled values, no interpolation (values may be infinite), outwards: the low
 * one of `lows`, the high one of `highs`, widened to hold `value`.
 */
export function ends(
  value: number,
  lows: Float64Array,
  highs: Float64Array,
): { readonly low: number; readonly high: number } {
  const n = lows.length;
  if (n === 0) return { low: value, high: value };
  return {
    low: Math.min(value, lows.toSorted()[Math.floor(0.025 * (n - 1))]!),
    high: Math.max(value, highs.toSorted()[Math.ceil(0.975 * (n - 1))]!),
  };
}
