import { mean, meanInterval } from "../tensor/stats.ts";
import { barrierHeight } from "./heights.ts";
import type { GridRow, Interval, Path } from "./results.ts";

/** A pair of a row, measured. */
export interface RowPair {
  readonly names: readonly [string, string];
  readonly measured: { readonly path: Path; readonly distance: number };
}

/**
 * A row of the lecture's table from its pairs: heights of the chord barrier as means over pairs, with Student's interval.
 * A row without pairs (their runs diverged) has no heights.
 */
export function gridRow(row: Omit<GridRow, "pairs" | "chord">, pairs: readonly RowPair[]): GridRow {
  return {
    ...row,
    pairs: pairs.map(({ names, measured: { path, distance } }) => ({
      names,
      barriers: path.barriers,
      distance,
      path,
    })),
    chord: (pairs.length === 0 ? [] : (["train", "test"] as const)).flatMap((split) =>
      (["loss", "error"] as const).map((quantity) => ({
        split,
        quantity,
        height: overPairs(
          pairs.map(({ measured }) => barrierHeight(measured.path, "chord", quantity, split).value),
        ),
      })),
    ),
  };
}

/** Mean over pairs with Student's 95 % interval; no interval for one pair. */
export function overPairs(values: readonly number[]): Interval {
  const interval = meanInterval(values, 0.95);
  return { value: mean(values), low: interval?.low ?? null, high: interval?.high ?? null };
}
