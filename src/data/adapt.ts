import type { Sums } from "./stats.ts";
import { toGrey, toRgb } from "./transforms/grey.ts";
import { resizePlanes } from "./transforms/resize.ts";
import type { Fit, ImageShape } from "./types.ts";

/**
 * Brings images [count, …from] to [count, …to]: colour to grey first, then the size, then grey to colour (three equal
 * channels). Returns `images` itself when there is nothing to do.
 */
export function adaptImages(images: Uint8Array, from: ImageShape, to: ImageShape, fit: Fit): Uint8Array {
  const grey = from.channels === 3 && to.channels === 1;
  const colour = from.channels === 1 && to.channels === 3;
  const narrow = grey ? toGrey(images, from.height * from.width) : images;
  const sized =
    from.height === to.height && from.width === to.width
      ? narrow
      : resizePlanes(narrow, from.height, from.width, to.height, to.width, fit);
  return colour ? toRgb(sized, to.height * to.width) : sized;
}

/**
 * The sums of adapted images from those of the images before, where they follow exactly: when channels are repeated
 * and black is added around. Undefined where pixels change.
 */
export function adaptSums(sums: Sums, from: ImageShape, to: ImageShape, fit: Fit): Sums | undefined {
  if (to.channels < from.channels) return undefined;
  const sameSize = from.height === to.height && from.width === to.width;
  const padded = fit === "pad" && to.height >= from.height && to.width >= from.width;
  if (!sameSize && !padded) return undefined;
  const repeat = (values: readonly number[]): readonly number[] =>
    to.channels === from.channels ? values : Array.from({ length: to.channels }, () => values[0]!);
  return {
    count: (sums.count / (from.height * from.width)) * to.height * to.width,
    sum: repeat(sums.sum),
    squares: repeat(sums.squares),
  };
}
