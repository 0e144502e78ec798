import type { Split } from "../data/types.ts";

/**
 * `count` images spread evenly over a split (all of it, when it has no more): some sets are stored class by class, so the
 * first images would not do. The same count gives the same images.
 */
export function someImages(split: Split, count: number): Split {
  if (count >= split.count) return split;
  const size = split.images.length / split.count;
  const images = new Uint8Array(count * size);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const from = Math.floor((i * split.count) / count);
    images.set(split.images.subarray(from * size, (from + 1) * size), i * size);
    labels[i] = split.labels[from]!;
  }
  return { count, images, labels };
}
