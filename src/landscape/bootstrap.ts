import { stream } from "../base/random.ts";

/**
 * Means of several columns of numbers (the same images at different points) under resampling of images with
 * replacement: `use` is called once a resample with the mean of every column; all columns see the same images.
 *
 * Cost: resamples × images × columns multiply-adds, in loops over typed arrays. A resample is kept as how often each
 * image is drawn, so that a column is one scalar product; a column is read in step with three others.
 * @param columns each [n], the same n
 * @param use gets an array that the next resample overwrites
 */
export function resampleMeans(
  columns: readonly Float32Array[],
  options: { readonly seed: number; readonly resamples: number; readonly signal?: AbortSignal | undefined },
  use: (means: Float64Array, resample: number) => void,
): void {
  const n = columns[0]?.length ?? 0;
  if (n === 0) return;
  // Doubles: the counts meet doubles in the sums, and a conversion for each product would cost more than the memory.
  const counts = new Float64Array(n);
  const means = new Float64Array(columns.length);
  const random = stream(options.seed, "bootstrap", "images", n);
  const padded = [...columns];
  while (padded.length % 4 !== 0) padded.push(columns[0]!);
  for (let resample = 0; resample < options.resamples; resample++) {
    options.signal?.throwIfAborted();
    counts.fill(0);
    for (let draw = 0; draw < n; draw++) counts[random.below(n)]!++;
    for (let at = 0; at < columns.length; at += 4) {
      const a = padded[at]!;
      const b = padded[at + 1]!;
      const c = padded[at + 2]!;
      const d = padded[at + 3]!;
      let sumA = 0;
      let sumB = 0;
      let sumC = 0;
      let sumD = 0;
      for (let i = 0; i < n; i++) {
        const times = counts[i]!;
        sumA += times * a[i]!;
        sumB += times * b[i]!;
        sumC += times * c[i]!;
        sumD += times * d[i]!;
      }
      means[at] = sumA / n;
      // Writes past the end of a typed array are dropped.
      means[at + 1] = sumB / n;
      means[at + 2] = sumC / n;
      means[at + 3] = sumD / n;
    }
    use(means, resample);
  }
}

/**
 * The number below which a share p of the sorted values lies, with linear interpolation between neighbours (Hyndman and
 * Fan 1996, type 7).
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}
