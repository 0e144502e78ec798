import { expect, test } from "vitest";
import { gridRow, overPairs, overParents, type RowPair } from "./grid-row.ts";
import { barrierHeight, evenly, l2Distance, pathOf } from "./heights.ts";

const plain = { align: "none", curve: "linear", repair: false, statistics: "none" } as const;
const row = { label: "P-T / P-T", sameStart: true, sameHead: false, sameOrder: false, rateFactor: 1 };

/** A pair of one image whose loss along the path is as given; the image is right where the loss is below 1. */
function pair(losses: readonly number[]): RowPair {
  const seen = losses.map((loss) => ({
    losses: Float32Array.of(loss),
    correct: Uint8Array.of(loss < 1 ? 1 : 0),
  }));
  const path = pathOf(evenly(losses.length), { train: seen, test: seen }, plain);
  return { names: ["a", "b"], measured: { path, distance: 2 } };
}

test("heights over the chord are averaged over pairs, with Student's interval", () => {
  const { chord, pairs } = gridRow(row, [pair([0, 1.5, 2]), pair([0, 2.5, 2])]);
  const loss = chord.find(({ split, quantity }) => split === "train" && quantity === "loss")!.height;
  // ½ and 1½ above the chord: mean 1, t(0.975, 1) · s/√2 = 12.706 · ½.
  expect(loss.value).toBe(1);
  expect(loss.high).toBeCloseTo(1 + 12.706 / 2, 3);
  expect(chord.find(({ split, quantity }) => split === "test" && quantity === "error")!.height.value).toBe(
    0.5,
  );
  expect(pairs.map(({ distance }) => distance)).toEqual([2, 2]);
});

test("a loss that is not a number between two networks leaves a row without a loss barrier, not without an answer", () => {
  const wild = pair([0, Infinity, 2]);
  const { chord } = gridRow(row, [pair([0, 1.5, 2]), wild]);
  expect(chord.map(({ quantity }) => quantity)).toEqual(["error", "error"]);
  expect(() => barrierHeight(wild.measured.path, "chord", "loss", "train")).toThrow(
    /between two of the networks the training loss is not a finite number/,
  );
});

test("a row without pairs has no heights", () => {
  expect(gridRow(row, [])).toEqual({ ...row, pairs: [], chord: [] });
});

test("positions and distances", () => {
  expect(evenly(5)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(l2Distance(Float32Array.of(1, 2, 9), Float32Array.of(4, 6, 0), 2)).toBe(5);
});

test("pairs with a network in common are one observation", () => {
  // Two parents, three pairs each: 2 degrees of freedom less than three pairs would give, and no more precision.
  const [values, parents] = [
    [1, 1, 1, 3, 3, 3],
    [0, 0, 0, 1, 1, 1],
  ];
  expect(overParents(values!, parents!)).toEqual(overPairs([1, 3]));
  expect(overPairs(values!).high!).toBeLessThan(overParents(values!, parents!).high!);
  expect(overParents([1, 2, 3], [7, 7, 7])).toEqual({ value: 2, low: null, high: null });
  expect(overParents([0.1, 0.4, 0.3], [0, 1, 2])).toEqual(overPairs([0.1, 0.4, 0.3]));
});
