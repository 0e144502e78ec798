import { ScopeError } from "../base/error.ts";

/** From the smallest to the largest ratio of noise to weights, in `count` steps of equal factors. */
export interface RatioRange {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

// More would be a map nobody waits for: every ratio is looked at for every α.
const most = 1000;

/**
 * `count` evenly spaced shares of the way from initial (0) to final (1), both ends among them.
 * @throws {ScopeError} usage, unless `count` is a whole number from 2 to 1000
 */
export function alphaGrid(count: number): number[] {
  if (!Number.isInteger(count) || count < 2 || count > most) {
    throw new ScopeError("usage", `alphas expected a whole number from 2 to ${most}, got ${count}`, {
      hint: "11 gives 0, 0.1, …, 1",
    });
  }
  return Array.from({ length: count }, (_, i) => i / (count - 1));
}

/**
 * 0 (no noise), then `count` ratios whose logarithms are evenly spaced, rounded to six digits so that they read well and
 * do not depend on the last bits of a logarithm.
 * @throws {ScopeError} usage, unless 0 < from < to ≤ 1e6, `count` is a whole number from 2 to 1000 and all differ
 */
export function ratioGrid({ from, to, count }: RatioRange): number[] {
  const hint = "0.01:4:10 gives ten ratios from 0.01 to 4 times the weights' root mean square";
  if (!(from >= 1e-9 && from < to && to <= 1e6)) {
    throw new ScopeError(
      "usage",
      `noise ratios expected 0.000000001 ≤ from < to ≤ 1000000, got ${from} and ${to}`,
      { hint },
    );
  }
  if (!Number.isInteger(count) || count < 2 || count > most) {
    throw new ScopeError("usage", `noise ratios expected a count from 2 to ${most}, got ${count}`, { hint });
  }
  const step = Math.log(to / from) / (count - 1);
  const ratios = Array.from({ length: count }, (_, i) =>
    i === 0 ? from : i === count - 1 ? to : Number((from * Math.exp(i * step)).toPrecision(6)),
  );
  if (ratios.some((ratio, i) => i > 0 && !(ratio > ratios[i - 1]!))) {
    throw new ScopeError("usage", `noise ratios ${from} to ${to} are too close for ${count} different ones`, {
      hint,
    });
  }
  return [0, ...ratios];
}

/**
 * Reads "from:to:count", such as 0.01:4:10, and gives its `ratioGrid` (0 first).
 * @throws {ScopeError} usage
 */
export function parseRatios(text: string): number[] {
  const parts = text.split(":").map((part) => (part.trim() === "" ? NaN : Number(part)));
  const [from, to, count] = parts;
  if (
    parts.length !== 3 ||
    from === undefined ||
    to === undefined ||
    count === undefined ||
    parts.some((part) => Number.isNaN(part))
  ) {
    throw new ScopeError("usage", `noise ratios expected from:to:count, got "${text}"`, {
      hint: "for example 0.01:4:10, in units of the weights' root mean square",
    });
  }
  return ratioGrid({ from, to, count });
}
