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

/**
 * The test split of one class, for sets that come without one: the share of its names whose SHA-256 come first (at
 * least one, if there are two). Fixed by the names alone; a new name moves at most one other across.
 */
export function testNames(
  names: readonly string[],
  share: number,
  hash: (bytes: Uint8Array) => string,
): ReadonlySet<string> {
  const size = names.length < 2 ? 0 : Math.max(1, Math.floor(names.length * share));
  const encoder = new TextEncoder();
  const hashed = names.map((name) => ({ name, key: hash(encoder.encode(name)) }));
  const first = hashed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, size);
  return new Set(first.map(({ name }) => name));
}

/** Orders named samples by the hash of their name: mixed, so that the first of them are of all classes, yet fixed. */
export function inHashOrder<T extends { readonly name: string }>(
  samples: readonly T[],
  hash: (bytes: Uint8Array) => string,
): T[] {
  const encoder = new TextEncoder();
  return samples
    .map((sample) => ({ sample, key: hash(encoder.encode(`order ${sample.name}`)) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ sample }) => sample);
}
