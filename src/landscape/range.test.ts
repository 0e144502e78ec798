import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ScopeError } from "../base/error.ts";
import { parseRange, rangePoints, withEnds } from "./range.ts";

describe("parseRange", () => {
  test("reads loss-landscape's syntax", () => {
    expect(parseRange("-0.5:1.5:41", "--range")).toEqual({ from: -0.5, to: 1.5, count: 41 });
    expect(parseRange("0:1:25", "--range")).toEqual({ from: 0, to: 1, count: 25 });
    expect(parseRange(" 0 : 1e0 : 2 ", "--range")).toEqual({ from: 0, to: 1, count: 2 });
  });

  test.each([
    ["0:1", "expected three numbers with colons between, found 2"],
    ["0.5", "expected three numbers with colons between, found one"],
    ["0:1:2:3", "expected three numbers with colons between, found 4"],
    ["a:1:5", '"a" is not a number to begin at'],
    ["0::5", '"" is not a number to end at'],
    ["0:Infinity:5", '"Infinity" is not a number to end at'],
    ["NaN:1:5", '"NaN" is not a number to begin at'],
    ["1:0:5", "begins at 1, which is not below its end 0"],
    ["1:1:5", "begins at 1, which is not below its end 1"],
    ["0:1:1", 'expected a whole number of points from 2 to 100000, found "1"'],
    ["0:1:2.5", 'expected a whole number of points from 2 to 100000, found "2.5"'],
    ["0:1:1e9", 'expected a whole number of points from 2 to 100000, found "1e9"'],
    ["0:1:", 'expected a whole number of points from 2 to 100000, found ""'],
  ])("refuses %s", (text, why) => {
    expect(() => parseRange(text, "--range")).toThrow(ScopeError);
    expect(() => parseRange(text, "--range")).toThrow(`--range "${text}": ${why}`);
  });
});

describe("rangePoints", () => {
  test.each(["-0.5:1.5:41", "0:1:25", "-0.1:1.1:13", "-0.3:1.7:21", "-1:2:31", "-0.7:1.3:201"])(
    "meets 0, ½ and 1 exactly: %s",
    (text) => {
      const points = rangePoints(parseRange(text, ""));
      expect(points).toEqual(expect.arrayContaining([0, 0.5, 1]));
      expect(withEnds(points)).toEqual(points);
    },
  );

  test("begins and ends where it was told to, and always rises", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -10, max: 10, noNaN: true }),
        fc.double({ min: 1e-3, max: 10, noNaN: true }),
        fc.integer({ min: 2, max: 200 }),
        (from, length, count) => {
          const points = rangePoints({ from, to: from + length, count });
          expect(points).toHaveLength(count);
          expect(points[0]).toBe(from);
          expect(points.at(-1)).toBe(from + length);
          points.slice(1).forEach((point, i) => expect(point).toBeGreaterThan(points[i]!));
        },
      ),
    );
  });
});

describe("withEnds", () => {
  test("adds what a barrier is defined by, where the range has it", () => {
    expect(withEnds(rangePoints({ from: 0, to: 1, count: 4 }))).toEqual([0, 1 / 3, 0.5, 2 / 3, 1]);
    expect(withEnds([-0.5, 1.5])).toEqual([-0.5, 0, 0.5, 1, 1.5]);
    expect(withEnds([0.25, 0.75])).toEqual([0.25, 0.5, 0.75]);
    expect(withEnds([2, 3])).toEqual([2, 3]);
  });
});
