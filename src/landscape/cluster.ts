import { ScopeError } from "../base/error.ts";

/** Two groups of networks that became one, at the height of the highest barrier between any two of their members. */
export interface Merge {
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly height: number;
}

export interface Basins {
  /** Indices of the networks of each group, ascending; groups in order of their first member. */
  readonly groups: readonly (readonly number[])[];
  /** How the groups came about, lowest first. */
  readonly merges: readonly Merge[];
}

/**
 * Groups networks no barrier stands between: agglomerative clustering with complete linkage, merging as long as the
 * highest barrier between two groups' members is below `threshold`. So *every* pair of a group is below it; that A and B,
 * and B and C are connected does not put A and C into one basin. Of equal heights the pair of groups with the lowest
 * first members is merged first. A barrier that is not a number (not measured, not finite) separates.
 * Source: complete linkage, Sørensen 1948. Cost: k³ for k networks.
 * @param heights barrier between networks i and j at [i][j]; the diagonal is not looked at
 * @throws {ScopeError} shape, when the matrix is not square or not symmetric
 */
export function clusterBasins(heights: readonly (readonly number[])[], threshold: number): Basins {
  const k = heights.length;
  heights.forEach((row, i) => {
    if (row.length !== k) {
      throw new ScopeError("shape", `a matrix of barriers is square: row ${i} has ${row.length} of ${k}`);
    }
    row.forEach((height, j) => {
      if (i === j || Object.is(height, heights[j]![i]) || height === heights[j]![i]) return;
      throw new ScopeError(
        "shape",
        `a barrier is the same from both sides: ${height} from ${i} to ${j}, ${heights[j]![i]} back`,
      );
    });
  });
  let groups: number[][] = heights.map((_, i) => [i]);
  const merges: Merge[] = [];
  for (;;) {
    let best: { a: number; b: number; height: number } | undefined;
    for (let a = 0; a < groups.length; a++) {
      for (let b = a + 1; b < groups.length; b++) {
        const height = linkage(heights, groups[a]!, groups[b]!);
        if (height < threshold && (best === undefined || height < best.height)) best = { a, b, height };
      }
    }
    if (best === undefined) return { groups, merges };
    const [left, right] = [groups[best.a]!, groups[best.b]!];
    merges.push({ left, right, height: best.height });
    const joined = [...left, ...right].toSorted((x, y) => x - y);
    groups = groups
      .filter((group) => group !== left && group !== right)
      .concat([joined])
      .toSorted((x, y) => x[0]! - y[0]!);
  }
}

/** The highest barrier between a member of one group and a member of the other; Infinity when one is not known. */
function linkage(
  heights: readonly (readonly number[])[],
  one: readonly number[],
  other: readonly number[],
): number {
  let highest = -Infinity;
  for (const i of one) {
    for (const j of other) {
      const height = heights[i]![j]!;
      highest = Math.max(highest, Number.isNaN(height) ? Infinity : height);
    }
  }
  return highest;
}
