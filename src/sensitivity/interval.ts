import { tQuantile } from "../tensor/stats.ts";
import type { Interval, Place } from "./types.ts";

/** How the draws of a map were made. */
export interface DrawSet {
  /** Images in a draw's block. */
  readonly block: number;
  /** Images there are. */
  readonly images: number;
}

/** Half the width of Student's interval for the mean, t · s / √n; null for fewer than two values. */
export function studentHalf(values: Float32Array, level = 0.95): number | null {
  const n = values.length;
  if (n < 2) return null;
  const mean = meanOf(values);
  let squares = 0;
  for (const one of values) squares += (one - mean) ** 2;
  return quantileOf(level, n - 1) * Math.sqrt(squares / (n - 1) / n);
}

/** Mean of at least one value, summed in doubles. */
export function meanOf(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Draws after which every image has been seen once. */
export function passOf({ block, images }: DrawSet): number {
  return Math.max(1, Math.ceil(images / block));
}

/** Whether a place's mean is exact on the set: it has no noise, and every image was looked at. */
export function isExact(place: Place, draws: number, set: DrawSet): boolean {
  return place.ratio === 0 && draws >= passOf(set);
}

/**
 * Interval for the mean excess at a place, from one value a draw: Student's t over draws, in quadrature with the rule of
 * three, −ln(1 − level) / n for n = draws · block images (3/n at 95 %), so that "no error seen" is not "certain":
 *
 *   half = √( (t · s / √draws)² + (ln(1 − level) / n)² )
 *
 * The t part knows noise vectors and images alike, since each draw has its own of both. Values are shares in [−1, 1], and so
 * are the ends (unless the mean itself is not). Ends are null for fewer than two draws.
 *
 * Limit: a rare noise vector that breaks all images of its block at once shows only when it is drawn; a module of very few
 * weights needs many draws.
 * Source of the rule of three: Hanley and Lippman-Hand 1983, JAMA 249.
 *
 * @param values excess by draw [draws], draws ≥ 1
 * @param block images in a draw's block
 */
export function placeInterval(values: Float32Array, block: number, level = 0.95): Interval {
  const value = meanOf(values);
  const student = studentHalf(values, level);
  if (student === null) return { value, low: null, high: null };
  const half = Math.hypot(student, Math.log(1 - level) / (values.length * block));
  return {
    value,
    low: Math.max(value - half, Math.min(value, -1)),
    high: Math.min(value + half, Math.max(value, 1)),
  };
}

/**
 * `placeInterval`, except that a place without noise at which every image was looked at has no uncertainty left: the
 * quantity of interest is the error on these images, as the definition of criticality has it. Both ends are its mean.
 */
export function excessInterval(place: Place, values: Float32Array, set: DrawSet, level = 0.95): Interval {
  if (!isExact(place, values.length, set)) return placeInterval(values, set.block, level);
  const value = meanOf(values);
  return { value, low: value, high: value };
}

// Shares are kept in single precision: 0.07 is 0.0700000003 there. Less than one image of ten million.
const rounding = 1e-7;

/** Whether a mean excess is within ε. */
export function isWithin(mean: number, epsilon: number): boolean {
  return mean <= epsilon + rounding;
}

/** Whether the whole interval lies within ε ("yes"), or beyond it ("no"). */
export function verdictOf({ low, high }: Interval, epsilon: number): "yes" | "no" | "open" {
  if (high !== null && isWithin(high, epsilon)) return "yes";
  return low !== null && !isWithin(low, epsilon) ? "no" : "open";
}

const quantiles = new Map<string, number>();

/** Two-sided t quantile, remembered: a map asks for the same few thousands of times. */
export function quantileOf(level: number, dof: number): number {
  const key = `${level} ${dof}`;
  let found = quantiles.get(key);
  if (found === undefined) {
    found = tQuantile((1 + level) / 2, dof);
    quantiles.set(key, found);
  }
  return found;
}
