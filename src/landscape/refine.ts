/** A stretch between two known positions, and how far a straight line over it is estimated to miss the curve. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly miss: number;
}

/**
 * Where a curve known at `at` should be looked at next: up to `budget` new positions, ascending, each halving a stretch.
 *
 * Between neighbours at distance h a straight line misses the curve by about h²/8 · |f″|; f″ is the larger of the second
 * divided differences at the stretch's two ends. The stretch with the largest miss is halved first; its halves are taken
 * to miss a quarter as much. Stretches that miss at most `tolerance` (unit of the values) stay whole, and so do those
 * with an unknown value (null) at either side: there the curve is not, rather than bends.
 * Pure: the same numbers give the same positions; of equals the leftmost comes first.
 *
 * @param at ascending, distinct positions
 * @param values loss or accuracy there, parallel to `at`
 */
export function refine(
  at: readonly number[],
  values: readonly (number | null)[],
  budget: number,
  tolerance = 0,
): number[] {
  const bends = at.map((_, i) => bendAt(at, values, i));
  const stretches: Stretch[] = at.slice(1).map((to, i) => {
    const from = at[i]!;
    const known = values[i] !== null && values[i + 1] !== null;
    const bend = known ? Math.max(bends[i]!, bends[i + 1]!) : 0;
    return { from, to, miss: ((to - from) ** 2 / 8) * bend };
  });
  const added: number[] = [];
  while (added.length < budget) {
    const worst = stretches.reduce(
      (best, stretch, i) => (stretch.miss > stretches[best]!.miss ? i : best),
      0,
    );
    const found = stretches[worst];
    if (found === undefined || !(found.miss > tolerance)) break;
    const { from, to, miss } = found;
    const middle = (from + to) / 2;
    // Neighbouring doubles have nothing between them.
    if (!(middle > from && middle < to)) break;
    added.push(middle);
    stretches.splice(worst, 1, { from, to: middle, miss: miss / 4 }, { from: middle, to, miss: miss / 4 });
  }
  return added.toSorted((a, b) => a - b);
}

/** |f″| at an inner position, by the second divided difference; 0 at the ends and beside unknown values. */
function bendAt(at: readonly number[], values: readonly (number | null)[], i: number): number {
  const [left, middle, right] = [values[i - 1], values[i], values[i + 1]];
  // Beyond the ends there is no value, elsewhere it may be unknown.
  if (typeof left !== "number" || typeof middle !== "number" || typeof right !== "number") return 0;
  const [x, y, z] = [at[i - 1]!, at[i]!, at[i + 1]!];
  return Math.abs((2 * ((right - middle) / (z - y) - (middle - left) / (y - x))) / (z - x));
}
