import { ScopeError } from "../base/error.ts";
import { excessInterval, isExact, meanOf, studentHalf, verdictOf } from "./interval.ts";
import { ends, resampleMu, resamplePlaces, type Resampling } from "./resample.ts";
import { ballOf, bestOf, rowsOf, type Row } from "./rows.ts";
import type {
  Criticality,
  Edge,
  Interval,
  MapCell,
  MaybeInfinite,
  SampledMap,
  SampledPlace,
} from "./types.ts";

/** JSON has no infinity: null. */
export function maybeInfinite(value: number, low: number, high: number): MaybeInfinite {
  const finite = (one: number): number | null => (one === Infinity ? null : one);
  return { value: finite(value), low: finite(low), high: finite(high) };
}

/**
 * Module criticality at one ε from a map:
 *
 *   μ(ε) = min over (α, r) of α² · span / r²  subject to  mean excess ≤ ε,   KL = μ / 2 nats.
 *
 * - `value` is that of the best place seen, so it is reached from above. At α = 0 the formula is 0 for any noise, and the place
 *   of least noise (none on a whole grid) is the only judge: μ = 0 exactly when the module set back to its initial weights is
 *   within ε. A place may be the best although a smaller noise at its α is not within ε (as the definition has it).
 * - The interval is by resampling draws (`resamplePlaces`): its low end lets the noise at each α grow up to the next ratio of
 *   the map that is not within ε (`leastMu`; 0 when the map ends before), its high end is of places seen. The grid's steps in α
 *   are not part of it; refinement makes them small around the minimum.
 * - Infinite (null, with a reason) when nothing with noise is within ε.
 * - `edges`: balls, so the largest ratio such that all smaller ones at that α are within ε, whatever comes beyond. Low: the
 *   same under resampling, null when not even the place without noise is; high: the first ratio that is not within ε, null
 *   when there is none on the map.
 *
 * All of value, low and high of μ never rise with ε (same map, same seed), and those of edges never fall.
 * Source: Chatterji, Neyshabur and Sedghi 2020, arXiv:1912.00528.
 * Deviation: r in units of the weights' size may be larger than σ = 1.
 *
 * @param epsilon allowed excess, absolute share
 * @throws {ScopeError} bug, when the map has no places, or one that was never drawn
 */
export function criticalityOf(map: SampledMap, epsilon: number, options: Resampling): Criticality {
  const { places, span, alphas } = map;
  if (places.length === 0 || places.some(({ excess }) => excess.length === 0)) {
    throw new ScopeError("bug", "internal: a map without places, or with one that was never looked at");
  }
  const own = places.map(({ excess }) => meanOf(excess));
  const rows = rowsOf(places, alphas);
  const best = bestOf(rows, own, epsilon, span);
  const { value, leastValue, seen, least } = resampleMu(map, epsilon, options);
  const range = ends(value, least, seen);
  const low = Math.min(range.low, leastValue);
  const edges = edgesOf(map, rows, own, epsilon, options);
  const radius = edges.at(-1);
  if (radius === undefined) throw new ScopeError("bug", "internal: none of a map's places is on its grid");
  return {
    epsilon,
    mu: maybeInfinite(value, low, range.high),
    kl: maybeInfinite(value / 2, low / 2, range.high / 2),
    ...(best === undefined
      ? { reason: reasonOf(map, own, epsilon) }
      : {
          at: {
            alpha: rows[best.row]!.alpha,
            // All noise is alike at α = 0: the largest that the ball there holds.
            ratio:
              rows[best.row]!.alpha === 0
                ? rows[best.row]!.ratios[ballOf(rows[best.row]!, own, epsilon) - 1]!
                : rows[best.row]!.ratios[best.in]!,
          },
        }),
    radius,
    edges,
  };
}

/** The ball at every α of the grid, rising. */
function edgesOf(
  map: SampledMap,
  rows: readonly Row[],
  own: readonly number[],
  epsilon: number,
  options: Resampling,
): Edge[] {
  const ofGrid = rows.filter((row) => row.ofGrid);
  // −1: none, so that it sorts below the place without noise; Infinity: beyond the map.
  const lastOf = (row: Row, count: number): number => (count === 0 ? -1 : row.ratios[count - 1]!);
  const nextOf = (row: Row, count: number): number => row.ratios[count] ?? Infinity;
  const lasts = ofGrid.map(() => new Float64Array(options.resamples));
  const nexts = ofGrid.map(() => new Float64Array(options.resamples));
  resamplePlaces(map, options, (means, resample) => {
    for (const [r, row] of ofGrid.entries()) {
      const count = ballOf(row, means, epsilon);
      lasts[r]![resample] = lastOf(row, count);
      nexts[r]![resample] = nextOf(row, count);
    }
  });
  return ofGrid.map((row, r) => {
    const count = ballOf(row, own, epsilon);
    const last = lastOf(row, count);
    const range = ends(last, lasts[r]!, nexts[r]!);
    const high = Math.max(range.high, nextOf(row, count));
    return {
      alpha: row.alpha,
      ratio: last < 0 ? null : last,
      low: range.low < 0 ? null : range.low,
      high: high === Infinity ? null : high,
      beyond: count === row.at.length,
    };
  });
}

/** Why nothing is within ε. */
function reasonOf({ places }: SampledMap, own: readonly number[], epsilon: number): string {
  const noisy = places
    .map((place, i) => ({ ...place, mean: own[i]! }))
    .filter(({ ratio, alpha }) => ratio > 0 && alpha > 0)
    .toSorted((a, b) => a.mean - b.mean);
  const [nearest] = noisy;
  if (nearest === undefined) return "no noise was looked at, and its initial weights are not within ε";
  const share = (one: number): string => Number(one.toPrecision(3)).toString();
  return (
    `nothing with noise is within ε = ${share(epsilon)}: the error rises by at least ${share(nearest.mean)} ` +
    `(at α = ${share(nearest.alpha)}, noise of ${share(nearest.ratio)} times the weights' root mean square)`
  );
}

/**
 * Every place with its means, in the map's order. Intervals are 95 % (`excessInterval`; loss: Student's t alone), and
 * "within" is by the interval shown.
 */
export function mapCells(map: SampledMap, epsilon: number): MapCell[] {
  return map.places.map((place): MapCell => {
    const { alpha, ratio, refined, excess: values } = place;
    const excess = excessInterval(place, values, map);
    const draws = values.length;
    return {
      alpha,
      ratio,
      refined,
      draws,
      images: Math.min(map.images, draws * map.block),
      excess,
      lossExcess: lossOf(place, map),
      within: verdictOf(excess, epsilon),
    };
  });
}

/** Mean loss excess at a place; null when it is not a finite number. */
function lossOf(place: SampledPlace, map: SampledMap): Interval | null {
  const { lossExcess } = place;
  if (!lossExcess.every((one) => Number.isFinite(one))) return null;
  const value = meanOf(lossExcess);
  const half = isExact(place, lossExcess.length, map) ? 0 : studentHalf(lossExcess);
  return { value, low: half === null ? null : value - half, high: half === null ? null : value + half };
}
