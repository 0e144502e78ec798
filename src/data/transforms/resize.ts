import type { Fit } from "../types.ts";

/** For each output position the inputs it averages: `taps` of them from `first` on, with weights that sum to 1. */
interface Taps {
  readonly taps: number;
  readonly first: Int32Array;
  /** [outputs, taps]; positions with fewer inputs have zeros. Flat, because this is the hot loop's table. */
  readonly weights: Float64Array;
}

/**
 * Weights that take `length` input samples, starting at `start`, to `size` output samples.
 * Fewer outputs than inputs: each averages the inputs it covers, by covered share (area). More: linear between the
 * two nearest sample centres, edges held.
 */
function tapsFor(start: number, length: number, size: number): Taps {
  const scale = length / size;
  const taps = Math.min(length, scale > 1 ? Math.ceil(scale) + 1 : scale === 1 ? 1 : 2);
  const first = new Int32Array(size);
  const weights = new Float64Array(size * taps);
  for (let i = 0; i < size; i++) {
    const from = scale > 1 ? i * scale : Math.min(Math.max((i + 0.5) * scale - 0.5, 0), length - 1);
    const begin = Math.min(Math.floor(from), length - taps);
    first[i] = start + begin;
    for (let k = 0; k < taps; k++) {
      const at = begin + k;
      weights[i * taps + k] =
        scale > 1
          ? Math.max(0, Math.min(from + scale, at + 1) - Math.max(from, at)) / scale
          : Math.max(0, 1 - Math.abs(from - at));
    }
  }
  return { taps, first, weights };
}

/** A resampler for planes of one size: reads [height, width] bytes at `at`, writes [toHeight, toWidth] bytes at `to`. */
export type Resampler = (source: Uint8Array, at: number, out: Uint8Array, to: number) => void;

/**
 * Plans the change of planes of height × width to toHeight × toWidth pixels:
 * "crop" cuts the centred part that has the target's proportions, then resamples it; "stretch" resamples all of it;
 * "pad" keeps every pixel where it fits (shrinks in proportion only if it does not) and surrounds it with black.
 * Resampling averages over area when it shrinks and is bilinear when it enlarges, each axis by itself, in float64
 * with one rounding at the end: the same bytes on every machine.
 */
export function planResize(
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
  fit: Fit,
): Resampler {
  let [cutTop, cutLeft, cutHeight, cutWidth] = [0, 0, height, width];
  let [putTop, putLeft, putHeight, putWidth] = [0, 0, toHeight, toWidth];
  if (fit === "crop") {
    cutHeight = Math.max(1, Math.min(height, Math.round((width * toHeight) / toWidth)));
    cutWidth = Math.max(1, Math.min(width, Math.round((height * toWidth) / toHeight)));
    cutTop = Math.floor((height - cutHeight) / 2);
    cutLeft = Math.floor((width - cutWidth) / 2);
  } else if (fit === "pad") {
    const ratio = Math.min(1, toHeight / height, toWidth / width);
    putHeight = Math.max(1, Math.round(height * ratio));
    putWidth = Math.max(1, Math.round(width * ratio));
    putTop = Math.floor((toHeight - putHeight) / 2);
    putLeft = Math.floor((toWidth - putWidth) / 2);
  }
  const rows = tapsFor(cutTop, cutHeight, putHeight);
  const columns = tapsFor(cutLeft, cutWidth, putWidth);
  const between = new Float64Array(putWidth * height);
  return (source, at, out, to) => {
    for (let y = cutTop; y < cutTop + cutHeight; y++) {
      for (let x = 0; x < putWidth; x++) {
        const begin = at + y * width + columns.first[x]!;
        let sum = 0;
        for (let k = 0; k < columns.taps; k++)
          sum += columns.weights[x * columns.taps + k]! * source[begin + k]!;
        between[y * putWidth + x] = sum;
      }
    }
    for (let y = 0; y < putHeight; y++) {
      const begin = rows.first[y]! * putWidth;
      const line = to + (putTop + y) * toWidth + putLeft;
      for (let x = 0; x < putWidth; x++) {
        let sum = 0;
        for (let k = 0; k < rows.taps; k++)
          sum += rows.weights[y * rows.taps + k]! * between[begin + k * putWidth + x]!;
        // Sums of weights may miss 1 by rounding errors; the nudge keeps exact halves rounding up on every path.
        out[line + x] = Math.min(255, Math.floor(sum + 0.5 + 1e-9));
      }
    }
  };
}

/** Resizes every plane: images [planes, height, width] → [planes, toHeight, toWidth]. */
export function resizePlanes(
  images: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
  fit: Fit,
): Uint8Array {
  const planes = images.length / (height * width);
  const out = new Uint8Array(planes * toHeight * toWidth);
  const resample = planResize(height, width, toHeight, toWidth, fit);
  for (let p = 0; p < planes; p++) resample(images, p * height * width, out, p * toHeight * toWidth);
  return out;
}
