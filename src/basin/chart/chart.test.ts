import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { piecesWithin } from "./cut.ts";
import { cutMiddle, shortNames } from "./names.ts";
import { resample } from "./resample.ts";
import { treatmentStyles } from "./treatment.ts";
import { syntheticPath } from "../../../test/kit/synthetic-basins.ts";

describe("a line within a frame", () => {
  test("leaves it where it crosses the edge, and comes back", () => {
    const line = [0, 2, 0].map((y, x) => ({ x, y }));
    expect(piecesWithin(line, 0, 1)).toEqual([
      [
        { x: 0, y: 0 },
        { x: 0.5, y: 1 },
      ],
      [
        { x: 1.5, y: 1 },
        { x: 2, y: 0 },
      ],
    ]);
  });
  test("crosses a whole frame between two points outside", () => {
    const line = [
      { x: 0, y: 3 },
      { x: 4, y: -1 },
    ];
    expect(piecesWithin(line, 0, 1)).toEqual([
      [
        { x: 2, y: 1 },
        { x: 3, y: 0 },
      ],
    ]);
  });
  test("breaks where a value is missing", () => {
    expect(piecesWithin([{ x: 0, y: 0 }, null, { x: 2, y: 0 }], -1, 1)).toEqual([
      [{ x: 0, y: 0 }],
      [{ x: 2, y: 0 }],
    ]);
  });
  test("never leaves the frame, and keeps every point inside it", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { maxLength: 12 }), (ys) => {
        const line = ys.map((y, x) => ({ x, y }));
        const kept = piecesWithin(line, -1, 1).flat();
        for (const { y } of kept) expect(Math.abs(y)).toBeLessThanOrEqual(1);
        for (const point of line) if (Math.abs(point.y) <= 1) expect(kept).toContainEqual(point);
      }),
    );
  });
});

describe("a resampled grid", () => {
  test("keeps the samples, adds a ring of copies, and makes no new extremes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.integer({ min: -100, max: 100 })),
        (rows, columns, factor, numbers) => {
          const values = Array.from({ length: rows }, () => [...numbers.take(columns)]);
          const { values: fine, width, height } = resample(values, factor);
          expect([width, height]).toEqual([(columns - 1) * factor + 3, (rows - 1) * factor + 3]);
          for (let j = 0; j < rows; j++)
            for (let i = 0; i < columns; i++)
              expect(fine[(j * factor + 1) * width + i * factor + 1]).toBe(values[j]![i]);
          expect(fine[0]).toBe(values[0]![0]);
          expect(Math.max(...fine)).toBe(Math.max(...values.flat()));
          expect(Math.min(...fine)).toBe(Math.min(...values.flat()));
        },
      ),
    );
  });
  test("is exact between evenly rising samples", () => {
    const { values, width } = resample(
      [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
      ],
      2,
    );
    expect([...values.subarray(width + 1, 2 * width - 1)]).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3]);
  });
});

describe("names in drawings", () => {
  test("lose their common folder and their ending", () => {
    expect(shortNames(["out/runs/a.onnx", "out/runs/b.safetensors", "out/runs/old/c.onnx"], 20)).toEqual([
      "a",
      "b",
      "old/c",
    ]);
    expect(shortNames(["deep/in/folders/model.onnx"], 20)).toEqual(["model"]);
  });
  test("stay apart, and within their room unless numbered", () => {
    expect(shortNames(["a/model.onnx", "b/model.onnx"], 20)).toEqual(["a/model", "b/model"]);
    expect(shortNames(["begin-1-long-name-end", "begin-2-long-name-end"], 7)).toEqual([
      "1: beg…end",
      "2: beg…end",
    ]);
    expect(cutMiddle("abcdefghij", 5)).toBe("ab…ij");
  });
});

test("treatments differ in colour by what was done, in dashes by the statistics", () => {
  const paths = [
    syntheticPath({ height: 1, treatment: { statistics: "interpolated" } }),
    syntheticPath({ height: 1, treatment: { statistics: "re-estimated" } }),
    syntheticPath({ height: 1, treatment: { align: "weights", statistics: "re-estimated" } }),
    syntheticPath({ height: 1, treatment: { align: "weights", statistics: "re-estimated", repair: true } }),
  ];
  const styles = treatmentStyles(paths).map(({ style }) => style);
  expect(styles.map(({ label }) => label)).toEqual([
    "as they are, statistics interpolated",
    "as they are, statistics re-estimated",
    "aligned by weights",
    "aligned by weights, repaired",
  ]);
  expect(styles.map(({ dash }) => dash)).toEqual(["5,3", undefined, undefined, undefined]);
  expect(new Set(styles.map(({ color }) => color)).size).toBe(3);
  expect(new Set(styles.map(({ key }) => key)).size).toBe(4);
});
