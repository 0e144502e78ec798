import { describe, expect, test } from "vitest";
import { refine } from "./refine.ts";

/** Double well on a line between its minima, as a function of α: 16 α² (1 − α)². Flat in the ends, bent at ½. */
const well = (alpha: number): number => 16 * alpha ** 2 * (1 - alpha) ** 2;
const grid = (count: number): number[] => Array.from({ length: count }, (_, i) => i / (count - 1));

describe("refine", () => {
  test("adds points to a double well where it bends most: by the top and by the feet", () => {
    const at = grid(9);
    const added = refine(at, at.map(well), 4, 0);
    // f″ = 32(1 − 6α + 6α²): largest at the ends (unknown there) and at ½.
    expect(added).toHaveLength(4);
    expect(added).toEqual(expect.arrayContaining([0.4375, 0.5625]));
    // The well is the same from both sides, and so is what is added.
    expect(added.map((alpha) => 1 - alpha).toReversed()).toEqual(added);
  });

  test("makes straight lines between points miss the curve less than equally many equal steps", () => {
    const sharp = (alpha: number): number => Math.exp(-(((alpha - 0.5) / 0.05) ** 2));
    let at = grid(13);
    for (let round = 0; round < 3; round++) {
      at = [...at, ...refine(at, at.map(sharp), 4, 0)].toSorted((a, b) => a - b);
    }
    expect(at).toHaveLength(25);
    expect(worstMiss(sharp, at)).toBeLessThan(0.5 * worstMiss(sharp, grid(25)));
  });

  test("adds nothing to a straight line, below the tolerance, or beside unknown values", () => {
    const at = grid(5);
    expect(refine(at, [0, 1, 2, 3, 4], 10, 1e-9)).toEqual([]);
    expect(refine(at, at.map(well), 10, 10)).toEqual([]);
    expect(refine(at, [null, 5, null, 5, null], 10, 0)).toEqual([]);
    expect(refine([0, 1], [0, 1], 10, 0)).toEqual([]);
    expect(refine([], [], 10, 0)).toEqual([]);
  });

  test("takes the halves of a stretch to miss a quarter, and the leftmost of equals first", () => {
    // |f″| is 16, 32, 16 at the inner points: the inner stretches miss twice as much as the outer ones.
    const [at, values] = [grid(5), [0, 0, 1, 0, 0]];
    expect(refine(at, values, 1, 0)).toEqual([0.375]);
    expect(refine(at, values, 4, 0)).toEqual([0.125, 0.375, 0.625, 0.875]);
    expect(refine(at, values, 6, 0)).toEqual([0.125, 0.3125, 0.375, 0.4375, 0.625, 0.875]);
  });
});

function worstMiss(f: (alpha: number) => number, at: readonly number[]): number {
  let worst = 0;
  for (let x = 0; x <= 1; x += 1e-3) {
    const i = Math.max(
      1,
      at.findIndex((alpha) => alpha >= x),
    );
    const [a, b] = [at[i - 1]!, at[i]!];
    const line = f(a) + ((x - a) / (b - a)) * (f(b) - f(a));
    worst = Math.max(worst, Math.abs(f(x) - line));
  }
  return worst;
}
