import { mean, meanInterval } from "../tensor/stats.ts";
import { barrierIn } from "./heights.ts";
import type { GridRow, Interval, Path } from "./results.ts";

/** A pair of a row, measured. */
export interface RowPair {
  readonly names: readonly [string, string];
  readonly measured: { readonly path: Path; readonly distance: number };
}

/**
 * A row of the lecture's table from its pairs: heights of the chord barrier as means over pairs, with Student's interval.
 * A row without pairs (their runs diverged) has no heights; one in which a pair's loss is not a number between the two
 * networks (they are near to diverging) has none of the loss.
 */
export function gridRow(row: Omit<GridRow, "pairs" | "chord">, pairs: readonly RowPair[]): GridRow {
  const paths = pairs.map(({ measured }) => measured.path);
  return {
    ...row,
    pairs: pairs.map(({ names, measured: { path, distance } }) => ({
      names,
      barriers: path.barriers,
      distance,
      path,
    })),
    chord: (["train", "test"] as const).flatMap((split) =>
      (["loss", "error"] as const).flatMap((quantity) => {
        const heights = paths.flatMap(
          (path) => barrierIn(path, "chord", quantity, split)?.height.value ?? [],
        );
        return heights.length === 0 || heights.length < paths.length
          ? []
          : [{ split, quantity, height: overPairs(heights) }];
      }),
    ),
  };
}

/** Mean over pairs with Student's 95 % interval; no interval for one pair. */
export function overPairs(values: readonly number[]): Interval {
  const interval = meanInterval(values, 0.95);
  return { value: mean(values), low: interval?.low ?? null, high: interval?.high ?? null };
}

/**
 * Mean over pairs with Student's 95 % interval over parent runs: pairs of one parent (`parents`, parallel to `values`) have
 * networks in common, so they count as one observation, their mean. No interval for a single parent.
 */
export function overParents(values: readonly number[], parents: readonly number[]): Interval {
  const means = [...new Set(parents)].map((parent) => mean(values.filter((_, i) => parents[i] === parent)));
  const interval = meanInterval(means, 0.95);
  return { value: mean(values), low: interval?.low ?? null, high: interval?.high ?? null };
}
