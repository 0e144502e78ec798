import { expect, test } from "vitest";
import { basinPairs, seedPairs, shareRuns } from "./basin-pairs.ts";

test("pairs of seeds have as few seeds in common as can be", () => {
  expect(seedPairs([7, 8])).toEqual([[7, 8]]);
  expect(seedPairs([0, 1, 2])).toEqual([
    [0, 1],
    [0, 2],
    [1, 2],
  ]);
  expect(seedPairs([0, 1, 2, 3, 4, 5])).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
  expect(seedPairs([0, 1, 2, 3])).toEqual([
    [0, 1],
    [2, 3],
    [0, 2],
  ]);
});

test("each kind has the same pairs of seeds", () => {
  const kinds = basinPairs({ seeds: [3, 5], shuffles: ["none", 8] });
  expect(kinds.map(({ label, sameStart }) => [label, sameStart])).toEqual([
    ["P-T / P-T", true],
    ["RI-T / RI-T", false],
    ["P-T / RI-T", false],
  ]);
  expect(kinds[2]!.pairs).toEqual([
    [
      { arm: "pretrained", seed: 3 },
      { arm: "scratch", seed: 5 },
    ],
  ]);
});

test("nothing is compared with one seed, or without intact images", () => {
  expect(basinPairs({ seeds: [0], shuffles: ["none"] })).toEqual([]);
  expect(basinPairs({ seeds: [0, 1], shuffles: [8, "pixel"] })).toEqual([]);
});

test("pairs have runs in common unless there are two seeds for each", () => {
  const shared = (seeds: number[]): boolean => shareRuns(basinPairs({ seeds, shuffles: ["none"] }));
  expect([[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5]].map(shared)).toEqual([
    false,
    false,
    true,
    true,
    false,
  ]);
});
