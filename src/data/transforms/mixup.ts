import type { Random } from "../../base/random.ts";

/** Gamma(shape, 1) variate. Source: Marsaglia, Tsang 2000, "A simple method for generating gamma variables". */
function gamma(shape: number, random: Random): number {
  // Below 1 the method does not apply: Gamma(a) = Gamma(a + 1) · U^(1/a).
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Beta(alpha, alpha) variate, in [0, 1]: the share of the first of two mixed images. */
export function mixShare(alpha: number, random: Random): number {
  const a = gamma(alpha, random);
  const b = gamma(alpha, random);
  return a + b === 0 ? 0.5 : a / (a + b);
}

/**
 * Mixes the first `rows` rows of a batch with the same rows in another order, in place:
 * row i becomes share · row i + (1 − share) · row partner[i]. batch: [rows, size]; scratch: as long as batch.
 * Source: Zhang, Cissé, Dauphin, Lopez-Paz 2018, arXiv 1710.09412 (inputs and one-hot targets are mixed alike).
 */
export function mixRows(
  batch: Float32Array,
  rows: number,
  size: number,
  partner: Int32Array,
  share: number,
  scratch: Float32Array,
): void {
  scratch.set(batch.subarray(0, rows * size));
  for (let row = 0; row < rows; row++) {
    const own = row * size;
    const other = partner[row]! * size;
    for (let i = 0; i < size; i++)
      batch[own + i] = share * scratch[own + i]! + (1 - share) * scratch[other + i]!;
  }
}
