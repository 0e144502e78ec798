import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { StreamName } from "../base/random.ts";

/** How a selection is divided among classes: equally as far as they go, or in the proportions found. */
export type Division = "balanced" | "proportional";

/** Indices of the images whose label is one of `chosen` (labels of the whole set), ascending. */
export function indicesOf(labels: Int32Array, chosen: readonly number[]): Int32Array {
  const wanted = new Set(chosen);
  const indices: number[] = [];
  for (let i = 0; i < labels.length; i++) if (wanted.has(labels[i]!)) indices.push(i);
  return Int32Array.from(indices);
}

/**
 * Draws `size` of `candidates` (indices into `labels`), divided among the classes in `classes`. Each class's images
 * have one random order per seed, of which a selection takes the beginning, so for one seed a larger selection
 * contains a smaller one ("balanced"; also "proportional" up to rounding). Result ascending.
 * @throws {ScopeError} usage, when there are fewer candidates
 */
export function drawStratified(
  labels: Int32Array,
  candidates: Int32Array,
  classes: readonly number[],
  size: number,
  division: Division,
  seed: number,
  name: StreamName,
  what: string,
): Int32Array {
  if (size > candidates.length) {
    throw new ScopeError(
      "usage",
      `${what}: ${size} images are asked for, there are ${candidates.length} to draw from`,
      {
        hint: `ask for at most ${candidates.length}`,
      },
    );
  }
  const members = new Map<number, number[]>(classes.map((label) => [label, []]));
  for (const index of candidates) members.get(labels[index]!)?.push(index);
  const counts = classes.map((label) => members.get(label)!.length);
  // The same order of classes for every size decides who gets the odd ones.
  const precedence = stream(seed, name, "classes").permutation(classes.length);
  const shares =
    division === "balanced" ? shareEqually(counts, size, precedence) : shareFairly(counts, size, precedence);
  const drawn = classes.flatMap((label, k) => {
    const own = members.get(label)!;
    const order = stream(seed, name, "class", label).permutation(own.length);
    return Array.from(order.subarray(0, shares[k]!), (i) => own[i]!);
  });
  return Int32Array.from(drawn).sort();
}

/** Fills all classes evenly, one image a round, until `size` are given out or a class is empty. */
function shareEqually(counts: readonly number[], size: number, precedence: Int32Array): number[] {
  const ascending = counts.toSorted((a, b) => a - b);
  // `level` is the number of full rounds: sum over classes of min(count, level) ≤ size.
  let level = 0;
  let given = 0;
  for (const [i, count] of ascending.entries()) {
    const left = counts.length - i;
    const rounds = Math.min(count - level, Math.floor((size - given) / left));
    level += rounds;
    given += rounds * left;
    if (level < count) break;
  }
  const shares = counts.map((count) => Math.min(count, level));
  let rest = size - shares.reduce((sum, share) => sum + share, 0);
  for (const k of precedence) {
    if (rest > 0 && counts[k]! > shares[k]!) {
      shares[k]! += 1;
      rest--;
    }
  }
  return shares;
}

/** Proportional shares by largest remainder (Hamilton's method). */
function shareFairly(counts: readonly number[], size: number, precedence: Int32Array): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return counts.map(() => 0);
  const shares = counts.map((count) => Math.floor((count * size) / total));
  const rest = size - shares.reduce((sum, share) => sum + share, 0);
  const byRemainder = Array.from(precedence).toSorted(
    (a, b) => ((counts[b]! * size) % total) - ((counts[a]! * size) % total),
  );
  for (const k of byRemainder.slice(0, rest)) shares[k]! += 1;
  return shares;
}

/** The candidates that are not in `taken`; both ascending. */
export function without(candidates: Int32Array, taken: Int32Array): Int32Array {
  let next = 0;
  return candidates.filter((index) => {
    while (next < taken.length && taken[next]! < index) next++;
    return taken[next] !== index;
  });
}
