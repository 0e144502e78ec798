import { isWithin } from "./interval.ts";
import type { Place } from "./types.ts";

/** The places of a map at one α, rising in ratio. */
export interface Row {
  readonly alpha: number;
  /** Whether the α is one of the grid's: then places without noise and at all ratios of the grid are among them. */
  readonly ofGrid: boolean;
  /** Ratios, rising, and where each place stands among the map's. */
  readonly ratios: readonly number[];
  readonly at: readonly number[];
}

/** The places of a map, by α, rising. */
export function rowsOf(places: readonly Place[], alphas: readonly number[]): Row[] {
  const by = new Map<number, number[]>();
  for (const [i, { alpha }] of places.entries()) {
    const row = by.get(alpha);
    if (row === undefined) by.set(alpha, [i]);
    else row.push(i);
  }
  return [...by.entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([alpha, all]) => {
      const at = all.toSorted((i, j) => places[i]!.ratio - places[j]!.ratio);
      return { alpha, ofGrid: alphas.includes(alpha), at, ratios: at.map((i) => places[i]!.ratio) };
    });
}

/**
 * Where the ball ends at this α: how many places, from the least noise on, are within ε without a gap. `means`: by place of
 * the map.
 */
export function ballOf(row: Row, means: ArrayLike<number>, epsilon: number): number {
  let count = 0;
  while (count < row.at.length && isWithin(means[row.at[count]!]!, epsilon)) count++;
  return count;
}

/** The last place at this α that is within ε, whatever lies before it; −1: none is. An index into the row. */
export function lastWithin(row: Row, means: ArrayLike<number>, epsilon: number): number {
  let last = row.at.length - 1;
  while (last >= 0 && !isWithin(means[row.at[last]!]!, epsilon)) last--;
  return last;
}

/** α² · span / r²: what a place says of μ when it is within ε. Infinity without noise, but 0 at α = 0. */
export function muAt({ alpha, ratio }: Place, span: number): number {
  if (alpha === 0) return 0;
  return ratio === 0 ? Infinity : (alpha * alpha * span) / (ratio * ratio);
}

/** The best place: row and index into it, and its μ. */
export interface Best {
  readonly mu: number;
  readonly row: number;
  readonly in: number;
}

/**
 * The place within ε with the least α² · span / r²; undefined when none with noise is. At α = 0 that quantity is 0 whatever
 * the noise, so the question is whether any noise at all is taken, the limit of less and less: the place of least noise
 * (none, on a whole grid) is the only judge there. The luckiest of several noisy looks would be a biased one.
 */
export function bestOf(
  rows: readonly Row[],
  means: ArrayLike<number>,
  epsilon: number,
  span: number,
): Best | undefined {
  let best: Best | undefined;
  for (const [r, row] of rows.entries()) {
    const found =
      row.alpha === 0 ? (isWithin(means[row.at[0]!]!, epsilon) ? 0 : -1) : lastWithin(row, means, epsilon);
    if (found < 0) continue;
    const mu = muAt({ alpha: row.alpha, ratio: row.ratios[found]! }, span);
    if (mu < (best?.mu ?? Infinity)) best = { mu, row: r, in: found };
  }
  return best;
}

/**
 * Up to where the noise at a row's α could grow: the next place there that is not within ε. An α that was only looked at
 * afterwards may have none of its own; then the larger of those of the grid's α's on either side. Undefined when nothing at
 * this α is within ε; Infinity when nobody knows, the largest ratio of the grid being within ε.
 */
export function nextBeyond(
  rows: readonly Row[],
  r: number,
  means: ArrayLike<number>,
  epsilon: number,
): number | undefined {
  const row = rows[r]!;
  const last = lastWithin(row, means, epsilon);
  if (last < 0) return undefined;
  const own = row.ratios[last + 1];
  if (own !== undefined || row.ofGrid) return own ?? Infinity;
  let [below, above] = [r - 1, r + 1];
  while (below >= 0 && !rows[below]!.ofGrid) below--;
  while (above < rows.length && !rows[above]!.ofGrid) above++;
  const ends = [below, above]
    .filter((side) => rows[side] !== undefined)
    .map((side) => nextBeyond(rows, side, means, epsilon) ?? 0);
  return Math.max(row.ratios[last]!, ...ends);
}

/**
 * What μ could be if at every α the noise could grow right up to `nextBeyond`: never above `bestOf`'s. 0 when that is
 * Infinity at some α.
 */
export function leastMu(
  rows: readonly Row[],
  means: ArrayLike<number>,
  epsilon: number,
  span: number,
): number {
  let least = Infinity;
  for (const [r, row] of rows.entries()) {
    if (row.alpha === 0) {
      if (isWithin(means[row.at[0]!]!, epsilon)) return 0;
      continue;
    }
    const next = nextBeyond(rows, r, means, epsilon);
    if (next !== undefined) least = Math.min(least, muAt({ alpha: row.alpha, ratio: next }, span));
  }
  return least;
}
