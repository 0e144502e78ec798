import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { alphaGrid, parseRatios, ratioGrid } from "./grid.ts";

test("α goes from 0 to 1 in equal steps", () => {
  expect(alphaGrid(5)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(() => alphaGrid(1)).toThrow("alphas expected a whole number from 2 to 1000, got 1");
});

test("ratios begin without noise and rise by equal factors", () => {
  expect(ratioGrid({ from: 0.01, to: 10, count: 4 })).toEqual([0, 0.01, 0.1, 1, 10]);
  expect(parseRatios("0.01:4:10")).toEqual([
    0, 0.01, 0.0194589, 0.0378648, 0.0736806, 0.143374, 0.27899, 0.542884, 1.05639, 2.05562, 4,
  ]);
  assert(
    property(integer({ min: 2, max: 200 }), (count) => {
      const ratios = ratioGrid({ from: 0.001, to: 8, count });
      return ratios.length === count + 1 && ratios.every((one, i) => i === 0 || one > ratios[i - 1]!);
    }),
  );
});

test.each([
  ["0.01:4", 'noise ratios expected from:to:count, got "0.01:4"'],
  ["a:4:3", 'noise ratios expected from:to:count, got "a:4:3"'],
  ["::", 'noise ratios expected from:to:count, got "::"'],
  ["4:0.01:10", "noise ratios expected 0.000000001 ≤ from < to ≤ 1000000, got 4 and 0.01"],
  ["0:1:5", "noise ratios expected 0.000000001 ≤ from < to ≤ 1000000, got 0 and 1"],
  ["0.1:1:1", "noise ratios expected a count from 2 to 1000, got 1"],
  ["0.1:1:2.5", "noise ratios expected a count from 2 to 1000, got 2.5"],
  ["1:1.0000001:9", "noise ratios 1 to 1.0000001 are too close for 9 different ones"],
])("%s is refused", (text, message) => {
  expect(() => parseRatios(text)).toThrow(message);
});
