import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clusterBasins } from "./cluster.ts";

describe("clusterBasins", () => {
  test("puts into one basin only what is connected pair by pair, lowest first", () => {
    const far = 0.5;
    const heights = [
      [0, 0.001, far, far, 0.01],
      [0.001, 0, far, far, 0.03],
      [far, far, 0, 0.002, far],
      [far, far, 0.002, 0, far],
      [0.01, 0.03, far, far, 0],
    ];
    // 4 is connected with 0, but not with 1: complete linkage keeps it apart.
    expect(clusterBasins(heights, 0.02)).toEqual({
      groups: [[0, 1], [2, 3], [4]],
      merges: [
        { left: [0], right: [1], height: 0.001 },
        { left: [2], right: [3], height: 0.002 },
      ],
    });
    expect(clusterBasins(heights, 0.04).groups).toEqual([
      [0, 1, 4],
      [2, 3],
    ]);
    expect(clusterBasins(heights, 0.04).merges.at(-1)).toEqual({ left: [0, 1], right: [4], height: 0.03 });
  });

  test("takes what was not measured for a barrier, and no networks for no basins", () => {
    expect(
      clusterBasins(
        [
          [0, Number.NaN],
          [Number.NaN, 0],
        ],
        1,
      ).groups,
    ).toEqual([[0], [1]]);
    expect(clusterBasins([], 1)).toEqual({ groups: [], merges: [] });
  });

  test("refuses what is no matrix of distances", () => {
    expect(() => clusterBasins([[0, 1]], 1)).toThrow("row 0 has 2 of 1");
    expect(() =>
      clusterBasins(
        [
          [0, 1],
          [2, 0],
        ],
        1,
      ),
    ).toThrow("1 from 0 to 1, 2 back");
  });

  test("every pair of a group is below the threshold, and no two groups could merge", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
        (k, numbers) => {
          const heights = Array.from({ length: k }, () => Array.from({ length: k }, () => 0));
          for (let i = 0; i < k; i++)
            for (let j = 0; j < i; j++) heights[i]![j] = heights[j]![i] = numbers.next().value;
          const { groups } = clusterBasins(heights, 5);
          expect(groups.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: k }, (_, i) => i));
          const highest = (a: readonly number[], b: readonly number[]): number =>
            Math.max(...a.flatMap((i) => b.filter((j) => j !== i).map((j) => heights[i]![j]!)), -Infinity);
          for (const group of groups) expect(highest(group, group)).toBeLessThan(5);
          for (const a of groups)
            for (const b of groups) if (a !== b) expect(highest(a, b)).toBeGreaterThanOrEqual(5);
        },
      ),
    );
  });
});
