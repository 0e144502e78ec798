import { expect, test } from "vitest";
import { angles } from "./angles.ts";

test("norms and cosines of what fine-tuning added", () => {
  const base = Float32Array.of(1, 1);
  const found = angles([Float32Array.of(4, 1), Float32Array.of(1, 3), Float32Array.of(0, 0), base], base);
  expect(found.norms).toEqual([3, 2, Math.SQRT2, 0]);
  expect(found.cosines[0]![1]).toBe(0);
  expect(found.cosines[1]![0]).toBe(0);
  expect(found.cosines[0]![2]).toBeCloseTo(-Math.SQRT1_2, 12);
  expect(found.cosines.map((row, i) => row[i])).toEqual([1, 1, 1, null]);
  expect(found.cosines[3]).toEqual([null, null, null, null]);
});

test("networks of other sizes are refused", () => {
  expect(() => angles([new Float32Array(2)], new Float32Array(3))).toThrow(
    "the network all start from has 3 weights, one that was fine-tuned has 2",
  );
});
