import type { Shuffle } from "./config.ts";
import type { Arm } from "./plan.ts";
import type { Estimate } from "./results.ts";

/** A shuffle as people read it: "intact", "4×4", "pixels". */
export function shuffleLabel(shuffle: Shuffle): string {
  if (shuffle === "none") return "intact";
  return shuffle === "pixel" ? "pixels" : `${shuffle}×${shuffle}`;
}

/** What was done to the images, to be put after "with": "4×4 blocks shuffled", "all pixels shuffled". */
export function shuffleClause(shuffle: Shuffle): string {
  if (shuffle === "none") return "images intact";
  return shuffle === "pixel" ? "all pixels shuffled" : `${shuffleLabel(shuffle)} blocks shuffled`;
}

/** Shuffles from the mildest to the harshest: intact, large blocks to small ones, pixels. */
export function orderShuffles(shuffles: readonly Shuffle[]): Shuffle[] {
  const size = (shuffle: Shuffle) => (shuffle === "none" ? Infinity : shuffle === "pixel" ? 0 : shuffle);
  return shuffles.toSorted((a, b) => (size(a) === size(b) ? 0 : size(b) - size(a)));
}

/** An arm as people read it, with the paper's sign. */
export function armLabel(arm: Arm): string {
  return arm === "pretrained" ? "pretrained (P-T)" : "from scratch (RI-T)";
}

/** Whether the whole interval lies on one side of `neutral`. False where there is no interval: one run shows nothing. */
export function isShown(estimate: Estimate, neutral = 0): boolean {
  return (
    estimate.low !== null && estimate.high !== null && (estimate.low > neutral || estimate.high < neutral)
  );
}

/** A number with a true minus sign; `signed` also writes a plus. */
export function decimal(value: number, digits: number, signed = false): string {
  const text = Math.abs(value).toFixed(digits);
  const zero = Number(text) === 0;
  const sign = value < 0 && !zero ? "−" : signed && !zero ? "+" : "";
  return sign + text;
}

/** Half the length of the interval; null when there is none. */
function halfWidth({ low, high }: Estimate): number | null {
  return low === null || high === null ? null : (high - low) / 2;
}

/** Digits after the point of a percentage whose uncertainty is `half` (in shares): none, unless less than a point is known. */
function digitsFor(half: number | null): number {
  return half !== null && half < 0.0095 ? 1 : 0;
}

/** A share (or a difference of shares) in hundredths, with its symmetric interval: "61 ± 2", "+13 ± 2"; "61" without one. */
export function hundredths(estimate: Estimate, signed = false): string {
  const half = halfWidth(estimate);
  const digits = digitsFor(half);
  const value = decimal(100 * estimate.value, digits, signed);
  return half === null ? value : `${value} ± ${decimal(100 * half, digits)}`;
}

/** A share with its symmetric interval, as a percentage: "61 ± 2 %"; "61 %" when there is no interval. */
export function percent(estimate: Estimate): string {
  return `${hundredths(estimate)} %`;
}

/** A difference of shares with its symmetric interval: "+13 ± 2 points". */
export function points(estimate: Estimate): string {
  return `${hundredths(estimate, true)} points`;
}

/** A share whose interval need not be symmetric: "38 % (29 to 47 %)". */
export function percentRange({ value, low, high }: Estimate): string {
  const main = `${decimal(100 * value, 0)} %`;
  return low === null || high === null
    ? main
    : `${main} (${decimal(100 * low, 0)} to ${decimal(100 * high, 0)} %)`;
}

/** A ratio with two significant digits or so: "0.47×", "5.1×", "12×". */
export function times(value: number): string {
  return `${decimal(value, value < 0.995 ? 2 : value < 9.95 ? 1 : 0)}×`;
}

/** A ratio with its interval: "5.1× (3.2× to 8.1×)". */
export function timesRange({ value, low, high }: Estimate): string {
  return low === null || high === null ? times(value) : `${times(value)} (${times(low)} to ${times(high)})`;
}

/** A whole number as people read it: "78", "1,250". */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "one seed", "3 seeds". */
export function seedCount(count: number): string {
  return count === 1 ? "one seed" : `${count} seeds`;
}

/** An enumeration in words: "a", "a and b", "a, b and c". */
export function enumerate(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
