import { ScopeError } from "../base/error.ts";

/** Arithmetic mean of at least one number. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Sample covariance (divisor n − 1) of two equally long lists of at least two numbers; with itself: the variance. */
export function covariance(x: readonly number[], y: readonly number[]): number {
  const mx = mean(x);
  const my = mean(y);
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! - mx) * (y[i]! - my);
  return sum / (x.length - 1);
}

/**
 * P(T ≤ t) for Student's t with a whole number of degrees of freedom. Absolute error below 1e-14.
 * Source: Abramowitz & Stegun 1964, 26.7.3 and 26.7.4 (finite sums in the angle atan(t / √dof)). Cost: dof / 2 terms.
 */
export function tCumulative(t: number, dof: number): number {
  const angle = Math.atan(t / Math.sqrt(dof));
  const sine = Math.sin(angle);
  const square = Math.cos(angle) ** 2;
  const odd = dof % 2 === 1;
  let sum = 0;
  // Even: 1, cos²/2, 3cos⁴/8 …; odd: cos, 2cos³/3, 8cos⁵/15 …; dof ÷ 2 terms each.
  let term = odd ? Math.cos(angle) : 1;
  for (let k = 1; k <= Math.floor(dof / 2); k++) {
    sum += term;
    term *= square * (odd ? (2 * k) / (2 * k + 1) : (2 * k - 1) / (2 * k));
  }
  const twoSided = odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return 0.5 + twoSided / 2;
}

/**
 * The t with P(T ≤ t) = p for Student's t with `dof` degrees of freedom, by bisection down to neighbouring doubles.
 * Relative error below 1e-9 for p in [0.001, 0.999].
 * @throws {ScopeError} bug, when p is not in (0, 1) or dof is not a whole number above 0
 */
export function tQuantile(p: number, dof: number): number {
  if (!(p > 0 && p < 1) || !Number.isInteger(dof) || dof < 1) {
    throw new ScopeError(
      "bug",
      `internal: t quantile expected p in (0, 1) and whole dof ≥ 1, got p = ${p}, dof = ${dof}`,
    );
  }
  if (p < 0.5) return -tQuantile(1 - p, dof);
  if (p === 0.5) return 0;
  let low = 0;
  let high = 1;
  while (tCumulative(high, dof) < p && high < 1e300) {
    low = high;
    high *= 2;
  }
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (tCumulative(middle, dof) < p) low = middle;
    else high = middle;
  }
  return high;
}

/** An interval that covers the true value with the confidence it was made for. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Student's interval for the mean of independent values: mean ± t · s / √n with n − 1 dof; null for fewer than two values. */
export function meanInterval(values: readonly number[], confidence: number): Interval | null {
  const n = values.length;
  if (n < 2) return null;
  const half = tQuantile((1 + confidence) / 2, n - 1) * Math.sqrt(covariance(values, values) / n);
  const middle = mean(values);
  return { low: middle - half, high: middle + half };
}

/**
 * Fieller's interval for mean(x) / mean(y), x and y paired: all ρ for which a t test does not tell mean(x − ρy) from 0.
 * Null for fewer than two pairs, and when the interval is unbounded, which is exactly when the interval of mean(y)
 * includes 0.
 * Source: Fieller, "Some problems in interval estimation", J. R. Stat. Soc. B 16 (1954).
 */
export function ratioInterval(
  x: readonly number[],
  y: readonly number[],
  confidence: number,
): Interval | null {
  const n = x.length;
  if (n < 2) return null;
  const t2 = tQuantile((1 + confidence) / 2, n - 1) ** 2;
  const mx = mean(x);
  const my = mean(y);
  const a = my * my - (t2 * covariance(y, y)) / n;
  const b = mx * my - (t2 * covariance(x, y)) / n;
  const c = mx * mx - (t2 * covariance(x, x)) / n;
  if (a <= 0) return null;
  const root = Math.sqrt(Math.max(0, b * b - a * c));
  return { low: (b - root) / a, high: (b + root) / a };
}

/**
 * A statistic of n units (seeds) and one value per unit whose mean is the statistic and whose spread is its uncertainty:
 * θ + (n − 1)(mean of leave-one-out θs − θ without the unit), the jackknife's pseudo-values moved to have mean θ. For a
 * mean they are the values themselves, so intervals made from them are the ordinary ones. `parts` is null for fewer than
 * two units, or when some leave-one-out statistic is null; the whole is null when the statistic is.
 * Source: Tukey 1958; Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 11.
 * Deviation: centred on the plain statistic, not on its bias-corrected value.
 */
export function jackknife(
  n: number,
  statistic: (kept: readonly number[]) => number | null,
): { readonly value: number; readonly parts: readonly number[] | null } | null {
  const all = Array.from({ length: n }, (_, i) => i);
  const value = statistic(all);
  if (value === null) return null;
  if (n < 2) return { value, parts: null };
  const without = all.map((left) => statistic(all.filter((i) => i !== left)));
  const known = without.filter((one) => one !== null);
  if (known.length < n) return { value, parts: null };
  const centre = mean(known);
  return { value, parts: known.map((one) => value + (n - 1) * (centre - one)) };
}
