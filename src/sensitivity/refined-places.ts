import { bestOf, lastWithin, muAt, nextBeyond, rowsOf, type Row } from "./rows.ts";
import type { Place } from "./types.ts";

/** What is known when places to be added are chosen. */
export interface Known {
  readonly places: readonly Place[];
  /** Mean excess by place. */
  readonly means: ArrayLike<number>;
  /** Of the grid. */
  readonly alphas: readonly number[];
  readonly epsilon: number;
  readonly span: number;
}

/**
 * Where to look next, so that the best place comes nearer to the continuous minimum of α² / r² and the map's resolution stops
 * being what is not known about it; most valuable first, none known yet.
 *
 * - At the best α: between the last ratio within ε and the next, at their geometric mean.
 * - Half way to the neighbouring α's: at the root mean square of both last ratios within ε. Where excess is a convex
 *   function of α and r² (a quadratic loss: h/2 · ((1 − α)² D² + k r²)) this place is within ε too.
 * - At the α's where the next ratio would give the least μ, if it is below the best one's: the minimum may be there.
 * - At α = 1, for the ball's radius.
 *
 * With μ = 0 there is nothing left to refine but the radius at α = 1, and so it is while nothing with noise is within ε.
 * Pure: the same numbers give the same places.
 */
export function refinedPlaces({ places, means, alphas, epsilon, span }: Known): Place[] {
  const rows = rowsOf(places, alphas);
  const edges = rows.map((row, r): RowEdge => {
    const last = lastWithin(row, means, epsilon);
    return {
      row,
      last: last < 0 ? 0 : row.ratios[last]!,
      next: nextBeyond(rows, r, means, epsilon) ?? 0,
    };
  });
  const chosen: Place[] = [];
  const add = (alpha: number, ratio: number): void => {
    const same = (other: Place): boolean =>
      other.alpha === alpha && Math.abs(other.ratio - ratio) <= 0.01 * ratio;
    if (ratio > 0 && Number.isFinite(ratio) && !places.some(same) && !chosen.some(same))
      chosen.push({ alpha, ratio });
  };
  const halve = (edge: RowEdge): void => {
    add(edge.row.alpha, middle(edge));
  };
  const best = bestOf(rows, means, epsilon, span);
  if (best !== undefined && best.mu > 0) {
    const at = edges[best.row]!;
    halve(at);
    for (const other of [edges[best.row + 1], edges[best.row - 1]]) {
      if (other === undefined) continue;
      const ratio = Math.sqrt((at.last ** 2 + other.last ** 2) / 2);
      add((at.row.alpha + other.row.alpha) / 2, ratio);
    }
    const least = ({ row, next }: RowEdge): number => muAt({ alpha: row.alpha, ratio: next }, span);
    edges
      .filter((edge) => edge.row.alpha > 0 && least(edge) < best.mu)
      .toSorted((a, b) => least(a) - least(b))
      .slice(0, hopefuls)
      .forEach(halve);
  }
  const end = edges.at(-1);
  if (end !== undefined) halve(end);
  return chosen;
}

// α's besides the best one that are looked at more closely in a round.
const hopefuls = 3;

/** A row with its last ratio within ε and the next one; 0: none; next Infinity: beyond the map. */
interface RowEdge {
  readonly row: Row;
  readonly last: number;
  readonly next: number;
}

/** Between two ratios, in logarithms; half of the upper one when the lower is no noise at all. */
function middle({ last, next }: RowEdge): number {
  return last === 0 ? next / 2 : Math.sqrt(last * next);
}
