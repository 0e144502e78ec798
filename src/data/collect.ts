import type { Split } from "./types.ts";

/** One decoded image on its way into a split. */
export interface Sample {
  /** [channels, height, width]. */
  readonly image: Uint8Array;
  readonly label: number;
}

/** Images of equal size, one after another, as a split. */
export function splitOf(samples: readonly Sample[], imageBytes: number): Split {
  const images = new Uint8Array(samples.length * imageBytes);
  for (const [i, sample] of samples.entries()) images.set(sample.image, i * imageBytes);
  return { count: samples.length, images, labels: Int32Array.from(samples, (sample) => sample.label) };
}

/** Leaves out images that are, byte for byte, an earlier one of the list. */
export function withoutDuplicates<T extends Sample>(
  samples: readonly T[],
  hash: (bytes: Uint8Array) => string,
): T[] {
  const seen = new Set<string>();
  return samples.filter(({ image }) => {
    const key = hash(image);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * Whether a name belongs to the test split, for sets that come without one: a fixed share of all names, chosen by
 * SHA-256, so the split does not depend on order, machine or what else is in the set.
 */
export function isTestName(name: string, share: number, hash: (bytes: Uint8Array) => string): boolean {
  return Number.parseInt(hash(new TextEncoder().encode(name)).slice(0, 8), 16) < share * 2 ** 32;
}
