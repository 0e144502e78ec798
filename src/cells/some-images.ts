import { stream } from "../base/random.ts";
import type { Split } from "../data/types.ts";

/**
 * `count` images spread evenly over a split (all of it, when it has no more): some sets are stored class by class, so the
 * first images would not do. In others the classes take turns, and every k-th image may be of one class: there, one image
 * is drawn from each of `count` equal stretches. The same count gives the same images.
 */
export function someImages(split: Split, count = split.count): Split {
  if (count >= split.count) return split;
  const spread = (at: (i: number) => number) =>
    Array.from({ length: count }, (_, i) => Math.floor(((i + at(i)) * split.count) / count));
  const even = spread(() => 0);
  if (resembles(split.labels, even)) return pick(split, even);
  const random = stream(0, "order", "spread");
  return pick(
    split,
    spread(() => random.uniform()),
  );
}

/** Whether the share of every class among these rows could be a random sample's: within four standard deviations. */
function resembles(labels: Int32Array, rows: readonly number[]): boolean {
  const among = countsOf(rows.map((row) => labels[row]!));
  for (const [label, all] of countsOf(labels)) {
    const expected = (all * rows.length) / labels.length;
    if (Math.abs((among.get(label) ?? 0) - expected) > 4 * Math.sqrt(expected) + 1) return false;
  }
  return true;
}

function countsOf(labels: Iterable<number>): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
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
