import { stream } from "../base/random.ts";
import type { Split } from "../data/types.ts";

/**
 * `count` images spread evenly over a split (all of it, when it has no more): some sets are stored class by class, so the
 * first images would not do. The same count gives the same images.
 */
export function someImages(split: Split, count = split.count): Split {
  if (count >= split.count) return split;
  return pick(
    split,
    Array.from({ length: count }, (_, i) => Math.floor((i * split.count) / count)),
  );
}

/**
 * The same images in a fixed random order, for whatever looks at batches as a sample of the whole: the statistics of
 * batch norm over a batch of one class are not those of the set.
 */
export function mixedImages(split: Split, count = split.count): Split {
  const some = someImages(split, count);
  return pick(some, Array.from(stream(0, "order", "mixed").permutation(some.count)));
}

function pick(split: Split, rows: readonly number[]): Split {
  const size = split.images.length / split.count;
  const images = new Uint8Array(rows.length * size);
  const labels = new Int32Array(rows.length);
  for (const [i, row] of rows.entries()) {
    images.set(split.images.subarray(row * size, (row + 1) * size), i * size);
    labels[i] = split.labels[row]!;
  }
  return { count: rows.length, images, labels };
}
