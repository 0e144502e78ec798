import { ScopeError } from "../../base/error.ts";
import { stream } from "../../base/random.ts";
import type { ImageShape } from "../types.ts";

/** Side of the blocks to shuffle in pixels, or "pixel": every scalar by itself, across channels. */
export type Block = number | "pixel";

/** Block sides that divide an image of this shape, largest (no shuffle, for a square image) first. */
export function blockSizes(shape: ImageShape): number[] {
  const most = Math.min(shape.height, shape.width);
  const sizes: number[] = [];
  for (let side = most; side >= 1; side--) {
    if (shape.height % side === 0 && shape.width % side === 0) sizes.push(side);
  }
  return sizes;
}

/**
 * Where each scalar of a shuffled image comes from: shuffled[i] = image[from[i]], from: [channels × height × width].
 *
 * The image is cut into non-overlapping block × block squares, and one permutation, fixed by the seed, is applied to
 * their places; all channels of a square move together. "pixel" is one fixed permutation of all scalars, so values
 * also change channels. A block as large as the image moves nothing.
 * Source: Neyshabur, Sedghi, Zhang 2020, arXiv 2008.11687, section 3.1.
 * Deviation: the permutation is drawn from the stream "shuffle" of the seed, not from NumPy's RandomState(seed + 1234).
 * @throws {ScopeError} usage, when the block does not divide the image, naming the sizes that do
 */
export function shuffleSources(shape: ImageShape, block: Block, seed: number): Int32Array {
  const { channels, height, width } = shape;
  const plane = height * width;
  if (block === "pixel") return stream(seed, "shuffle", "pixel").permutation(channels * plane);
  if (!Number.isInteger(block) || block < 1 || height % block !== 0 || width % block !== 0) {
    throw new ScopeError(
      "usage",
      `shuffle: blocks of ${block} pixels do not divide an image of ${height}×${width}`,
      {
        hint: `block sizes that do: ${blockSizes(shape).join(", ")}, or "pixel"`,
      },
    );
  }
  const across = width / block;
  const order = stream(seed, "shuffle", block).permutation((height / block) * across);
  const from = new Int32Array(channels * plane);
  for (let place = 0; place < order.length; place++) {
    const source = order[place]!;
    const to = Math.floor(place / across) * block * width + (place % across) * block;
    const at = Math.floor(source / across) * block * width + (source % across) * block;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < block; y++) {
        const row = c * plane + y * width;
        for (let x = 0; x < block; x++) from[row + to + x] = row + at + x;
      }
    }
  }
  return from;
}

/** The permutation that undoes `from`. */
export function invert(from: Int32Array): Int32Array {
  const back = new Int32Array(from.length);
  for (let i = 0; i < from.length; i++) back[from[i]!] = i;
  return back;
}

/** Applies one permutation of scalars to every image: images and result [count, from.length]. */
export function shuffleImages(images: Uint8Array, from: Int32Array): Uint8Array {
  const size = from.length;
  const out = new Uint8Array(images.length);
  for (let start = 0; start < images.length; start += size) {
    for (let i = 0; i < size; i++) out[start + i] = images[start + from[i]!]!;
  }
  return out;
}
