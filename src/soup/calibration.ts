import type { Outcomes } from "./outcomes.ts";

/** Predictions of like confidence. */
export interface CalibrationBin {
  readonly count: number;
  /** Mean confidence, and share that was right, in [0, 1]. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** Which bin every prediction is in. */
export interface Bins {
  readonly count: number;
  /** [N], each in 0 … count − 1. */
  readonly places: Int32Array;
}

/** How confidences are put into bins. */
export interface BinOptions {
  /** 15 unless told. */
  readonly bins?: number;
  /** "width" (unless told): equal parts of (0, 1]. "count": as many predictions in each, equal confidences together. */
  readonly equal?: "width" | "count";
}

/**
 * Expected calibration error: Σ_b n_b/N · |accuracy_b − confidence_b|, in [0, 1].
 * Source: Guo et al. 2017, arXiv:1706.04599, equation 3 (bins (b/B, (b+1)/B], B = 15). With `equal: "count"`: Nguyen and
 * O'Connor 2015, arXiv:1508.05154 (adaptive bins).
 * On few images it is too large: even a perfectly calibrated network gets up to 0.4 · √(B/N), 0.015 for N = 10,000.
 */
export function calibrationError(found: Outcomes, options: BinOptions = {}): number {
  return errorIn(binOf(found, options), found);
}

/** The calibration error with predictions in given bins; image i counts `times[i]` times (once unless told). */
export function errorIn({ count: bins, places }: Bins, found: Outcomes, times?: Int32Array): number {
  const gaps = new Float64Array(bins);
  let total = 0;
  for (let i = 0; i < places.length; i++) {
    const count = times?.[i] ?? 1;
    total += count;
    gaps[places[i]!]! += count * (found.correct[i]! - found.confidence[i]!);
  }
  // n_b · |accuracy_b − confidence_b| = |Σ (correct − confidence)| over the bin.
  let sum = 0;
  for (const gap of gaps) sum += Math.abs(gap);
  return sum / total;
}

/** The bins of a reliability diagram, least confident first; empty ones are left out. */
export function calibration(found: Outcomes, options: BinOptions = {}): CalibrationBin[] {
  const bins = new Map<number, { count: number; confidence: number; right: number }>();
  binOf(found, options).places.forEach((place, i) => {
    const bin = bins.get(place) ?? { count: 0, confidence: 0, right: 0 };
    bin.count++;
    bin.confidence += found.confidence[i]!;
    bin.right += found.correct[i]!;
    bins.set(place, bin);
  });
  return [...bins]
    .toSorted(([a], [b]) => a - b)
    .map(([, { count, confidence, right }]) => ({
      count,
      confidence: confidence / count,
      accuracy: right / count,
    }));
}

/** Puts every prediction in its bin, least confident first. */
export function binOf(found: Outcomes, { bins = 15, equal = "width" }: BinOptions = {}): Bins {
  return { count: bins, places: equal === "width" ? widthBins(found, bins) : countBins(found, bins) };
}

function widthBins({ confidence }: Outcomes, bins: number): Int32Array {
  return Int32Array.from(confidence, (value) => Math.min(bins - 1, Math.max(0, Math.ceil(value * bins) - 1)));
}

function countBins({ confidence }: Outcomes, bins: number): Int32Array {
  const n = confidence.length;
  const order = Array.from(confidence, (_, i) => i).toSorted((a, b) => confidence[a]! - confidence[b]!);
  const places = new Int32Array(n);
  for (let rank = 0, first = 0; rank < n; rank++) {
    // A prediction goes where the first of its equals goes, so that the order of images does not matter.
    if (confidence[order[rank]!]! !== confidence[order[first]!]!) first = rank;
    places[order[rank]!] = Math.floor((first * bins) / n);
  }
  return places;
}
