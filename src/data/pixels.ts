import { ScopeError } from "../base/error.ts";
import { planResize } from "./transforms/resize.ts";
import type { Fit, Pixels } from "./types.ts";

/** A wanted file of a package. @throws {ScopeError} data, when the package does not have it */
export function fileOf(files: ReadonlyMap<string, Uint8Array>, path: string, set: string): Uint8Array {
  const found = files.get(path);
  if (found === undefined) throw new ScopeError("data", `data set ${set}: its package has no file ${path}`);
  return found;
}

/**
 * Interleaved pixels as red, green and blue planes [3, height, width], laid over white where they are transparent.
 * Grey is repeated three times.
 */
export function planesOnWhite({ width, height, channels, data }: Pixels): Uint8Array {
  const plane = width * height;
  const out = new Uint8Array(3 * plane);
  const coloured = channels >= 3;
  const clear = channels === 2 || channels === 4;
  for (let i = 0; i < plane; i++) {
    const at = i * channels;
    const alpha = clear ? data[at + channels - 1]! : 255;
    for (let c = 0; c < 3; c++) {
      const value = data[coloured ? at + c : at]!;
      // Integer rounding of (value · alpha + 255 · (255 − alpha)) / 255: exact, so equal everywhere.
      out[c * plane + i] = Math.floor((value * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return out;
}

/** Resizes planes [3, height, width] of one image to [3, toHeight, toWidth]. */
export function resizeImage(
  planes: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
  fit: Fit,
): Uint8Array {
  const out = new Uint8Array(3 * toHeight * toWidth);
  const resample = planResize(height, width, toHeight, toWidth, fit);
  for (let c = 0; c < 3; c++) resample(planes, c * height * width, out, c * toHeight * toWidth);
  return out;
}

/**
 * Cuts a drawing on white out of its canvas and centres it on a white square. planes: [3, height, width].
 * Rows and columns are dropped from each side as long as they hold, together, at most `speck` of all ink, so that a
 * stray dot far outside does not shrink the drawing. Undefined for a blank canvas.
 */
export function squareContent(
  planes: Uint8Array,
  height: number,
  width: number,
  speck: number,
): { readonly side: number; readonly planes: Uint8Array } | undefined {
  const plane = height * width;
  const rows = new Float64Array(height);
  const columns = new Float64Array(width);
  let ink = 0;
  for (let i = 0; i < plane; i++) {
    // Anything darker than near-white counts, whatever its colour.
    if (planes[i]! < 248 || planes[plane + i]! < 248 || planes[2 * plane + i]! < 248) {
      rows[Math.floor(i / width)]! += 1;
      columns[i % width]! += 1;
      ink++;
    }
  }
  if (ink === 0) return undefined;
  const [top, bottom] = span(rows, speck * ink);
  const [left, right] = span(columns, speck * ink);
  const tall = bottom - top + 1;
  const wide = right - left + 1;
  const side = Math.max(tall, wide);
  const out = new Uint8Array(3 * side * side).fill(255);
  const putTop = Math.floor((side - tall) / 2);
  const putLeft = Math.floor((side - wide) / 2);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < tall; y++) {
      const from = c * plane + (top + y) * width + left;
      out.set(planes.subarray(from, from + wide), (c * side + putTop + y) * side + putLeft);
    }
  }
  return { side, planes: out };
}

/** First and last index left when entries summing to at most `allowance` are dropped from either end. */
function span(mass: Float64Array, allowance: number): [number, number] {
  let first = 0;
  for (let sum = mass[0]!; sum <= allowance && first < mass.length - 1; sum += mass[first]!) first++;
  let last = mass.length - 1;
  for (let sum = mass[last]!; sum <= allowance && last > first; sum += mass[last]!) last--;
  return [first, last];
}
