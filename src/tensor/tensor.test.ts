import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { wilson } from "./intervals.ts";
import {
  allocate,
  broadcastShapes,
  bytesOf,
  type DType,
  float32,
  int64s,
  numbers,
  scalar,
  sizeOf,
  tensor,
  viewBytes,
} from "./tensor.ts";

const sizes: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
};
const dtypes = Object.keys(sizes) as DType[];

test.each(dtypes)("%s: size, storage and scalar agree", (dtype) => {
  expect(bytesOf(dtype)).toBe(sizes[dtype]);
  expect(allocate(dtype, 3)).toHaveLength(3);
  expect(allocate(dtype, 3).BYTES_PER_ELEMENT).toBe(sizes[dtype]);
  expect(scalar(1, dtype)).toMatchObject({ dtype, shape: [] });
  expect(numbers(scalar(1, dtype))).toEqual([1]);
});

describe("viewBytes", () => {
  test.each(dtypes)("reads %s at any offset, sharing memory where it can", (dtype) => {
    const size = bytesOf(dtype);
    const buffer = new Uint8Array(5 * size + 8);
    const written = allocate(dtype, 3);
    for (let i = 0; i < 3; i++)
      written[i] = (
        written instanceof BigInt64Array || written instanceof BigUint64Array ? BigInt(i + 1) : i + 1
      ) as never;
    for (const offset of [0, size, 1, 3]) {
      buffer.set(new Uint8Array(written.buffer), offset);
      const view = viewBytes(dtype, buffer.subarray(offset, offset + 3 * size));
      expect(view).toEqual(written);
      expect(view.buffer === buffer.buffer).toBe(offset % size === 0);
    }
  });
});

test("a tensor needs as many numbers as its shape says", () => {
  expect(float32([2, 2], [1, 2, 3, 4]).data).toEqual(Float32Array.of(1, 2, 3, 4));
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([3, 0, 2])).toBe(0);
  expect(() => tensor("float32", [2, 3], new Float32Array(5))).toThrow(
    "a tensor of shape [2, 3] needs 6 elements, got 5",
  );
  expect(numbers(int64s([-1, 2 ** 40]))).toEqual([-1, 2 ** 40]);
});

describe("broadcastShapes", () => {
  const shape = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });

  test("aligns from the right and spreads ones", () => {
    expect(broadcastShapes([2, 1, 3], [4, 1])).toEqual([2, 4, 3]);
    expect(broadcastShapes([], [2])).toEqual([2]);
    expect(broadcastShapes([0], [1])).toEqual([0]);
  });

  test("is symmetric, does nothing with itself, and refuses sizes that differ", () => {
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        expect(broadcastShapes(a, a)).toEqual(a);
        const rank = Math.max(a.length, b.length);
        const at = (one: readonly number[], i: number): number => one[i - rank + one.length] ?? 1;
        const fits = Array.from({ length: rank }, (_, i) => [at(a, i), at(b, i)]).every(
          ([p, q]) => p === q || p === 1 || q === 1,
        );
        if (fits) expect(broadcastShapes(a, b)).toEqual(broadcastShapes(b, a));
        else
          expect(() => broadcastShapes(a, b, "Add")).toThrow(
            /^Add: shapes \[.*\] and \[.*\] do not broadcast$/,
          );
      }),
    );
  });
});

describe("wilson", () => {
  // Newcombe 1998, table I, method 3: 81/263, 15/148, 0/20, 1/29.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("%d of %d, against published intervals", (successes, trials, low, high) => {
    const interval = wilson(successes, trials);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  test("solves its equation, holds the share and stays in [0, 1]; without trials it says nothing", () => {
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
    const counts = fc
      .integer({ min: 1, max: 10_000 })
      .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(counts, ([k, n]) => {
        const { low, high } = wilson(k, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(k / n + 1e-12);
        expect(high).toBeGreaterThanOrEqual(k / n - 1e-12);
        for (const p of [low, high]) {
          if (p > 0 && p < 1)
            expect((k / n - p) ** 2).toBeCloseTo((1.959963984540054 ** 2 * p * (1 - p)) / n, 10);
        }
      }),
    );
  });
});
