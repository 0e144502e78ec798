import { decimal } from "../figure/numbers.ts";
import type { Shuffle } from "./config.ts";
import type { Arm } from "./plan.ts";
import type { Estimate } from "./results.ts";

export { decimal, enumerate, grouped, hundredths, percent, percentRange, points } from "../figure/numbers.ts";

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

/** A ratio with two significant digits or so: "0.47×", "5.1×", "12×". */
export function times(value: number): string {
  return `${decimal(value, value < 0.995 ? 2 : value < 9.95 ? 1 : 0)}×`;
}

/** A ratio with its interval: "5.1× (3.2× to 8.1×)". */
export function timesRange({ value, low, high }: Estimate): string {
  return low === null || high === null ? times(value) : `${times(value)} (${times(low)} to ${times(high)})`;
}

/** "one seed", "3 seeds". */
export function seedCount(count: number): string {
  return count === 1 ? "one seed" : `${count} seeds`;
}
