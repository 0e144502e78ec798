import type { ImageShape, Normaliser } from "../types.ts";

/**
 * The affine map from bytes to network inputs, (byte / 255 − mean) / std with the statistics of each scalar's channel.
 *
 * `from` says where a shuffled image's scalars come from (`shuffleSources`): a pixel shuffle carries values across
 * channels, and the paper shuffles after normalising, so each scalar keeps the statistics of the channel it came from.
 * A channel without variation (std 0) is only centred.
 * Source: Neyshabur, Sedghi, Zhang 2020, arXiv 2008.11687 (order of normalisation and shuffling).
 */
export function normaliserOf(
  shape: ImageShape,
  mean: readonly number[],
  std: readonly number[],
  from?: Int32Array,
): Normaliser {
  const plane = shape.height * shape.width;
  const size = shape.channels * plane;
  const scale = new Float32Array(size);
  const offset = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const channel = Math.floor((from === undefined ? i : from[i]!) / plane);
    const spread = std[channel]! || 1;
    scale[i] = 1 / (255 * spread);
    offset[i] = -mean[channel]! / spread;
  }
  const crosses =
    from !== undefined && from.some((source, i) => Math.floor(source / plane) !== Math.floor(i / plane));
  return { scale, offset, run: crosses ? 1 : plane };
}

/** Writes one image as floats: out[at + i] = byte × scale[i] + offset[i], i over `scale.length` scalars. */
export function normaliseImage(
  images: Uint8Array,
  start: number,
  { scale, offset, run = 1 }: Normaliser,
  out: Float32Array,
  at: number,
): void {
  const size = scale.length;
  if (run === 1) {
    for (let i = 0; i < size; i++) out[at + i] = images[start + i]! * scale[i]! + offset[i]!;
    return;
  }
  // Constants out of the inner loop: almost twice as fast, and this is most of what making a batch costs.
  for (let first = 0; first < size; first += run) {
    const factor = scale[first]!;
    const term = offset[first]!;
    const end = start + first + run;
    for (let from = start + first, to = at + first; from < end; from++, to++)
      out[to] = images[from]! * factor + term;
  }
}
