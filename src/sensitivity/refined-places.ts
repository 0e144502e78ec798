import { ballOf, bestOf, rowsOf, type Row } from "./rows.ts";
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
 * Where to look next, so that the best place comes nearer to the continuous minimum of α² / r²; most valuable first, none
 * known yet.
 *
 * - At the best α, its neighbours and α = 1 (the ball's radius): between the last ratio within ε and the next, at their
 *   geometric mean.
 * - Half way to the neighbouring α's: at the root mean square of both last ratios within ε. Where excess is a convex
 *   function of α and r² (a quadratic loss: h/2 · ((1 − α)² D² + k r²)) this place is within ε too. And at the geometric mean
 *   of it and the root mean square of the next ratios.
 *
 * With μ = 0 there is nothing left to refine but the radius at α = 1, and so it is while nothing with noise is within ε.
 * Pure: the same numbers give the same places.
 */
export function refinedPlaces({ places, means, alphas, epsilon, span }: Known): Place[] {
  const rows = rowsOf(places, alphas);
  const edges = rows.map((row) => edgeOf(row, means, epsilon));
  const chosen: Place[] = [];
  const add = (alpha: number, ratio: number): void => {
    const same = (other: Place): boolean =>
      other.alpha === alpha && Math.abs(other.ratio - ratio) <= 1e-6 * ratio;
    if (ratio > 0 && Number.isFinite(ratio) && !places.some(same) && !chosen.some(same))
      chosen.push({ alpha, ratio });
  };
  const halve = (r: number): void => {
    const [row, edge] = [rows[r], edges[r]];
    if (row !== undefined && edge !== undefined) add(row.alpha, middle(edge));
  };
  const between = (r: number, s: number): void => {
    const [a, b, from, to] = [rows[r], rows[s], edges[r], edges[s]];
    if (a === undefined || b === undefined || from === undefined || to === undefined) return;
    const alpha = (a.alpha + b.alpha) / 2;
    const low = rootMeanSquare(from.last, to.last);
    add(alpha, low);
    const high = rootMeanSquare(from.next, to.next);
    if (low > 0) add(alpha, Math.sqrt(low * high));
  };
  const best = bestOf(rows, means, epsilon, span);
  if (best !== undefined && best.mu > 0) {
    halve(best.row);
    between(best.row, best.row + 1);
    between(best.row, best.row - 1);
    halve(best.row + 1);
    halve(best.row - 1);
  }
  halve(rows.length - 1);
  return chosen;
}

/** The last ratio within ε and the next one; 0 and 0: not even without noise; next Infinity: beyond the map. */
interface RowEdge {
  readonly last: number;
  readonly next: number;
}

function edgeOf(row: Row, means: ArrayLike<number>, epsilon: number): RowEdge {
  const count = ballOf(row, means, epsilon);
  if (count === 0) return { last: 0, next: row.ofGrid ? 0 : (row.ratios[0] ?? 0) };
  return { last: row.ratios[count - 1]!, next: row.ratios[count] ?? Infinity };
}

/** Between two ratios, in logarithms; half of the upper one when the lower is no noise at all. */
function middle({ last, next }: RowEdge): number {
  return last === 0 ? next / 2 : Math.sqrt(last * next);
}

function rootMeanSquare(a: number, b: number): number {
  return Math.sqrt((a * a + b * b) / 2);
}
