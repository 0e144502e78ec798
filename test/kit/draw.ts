import fc from "fast-check";
import { stream } from "../../src/base/random.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import { value, type Value } from "./float64/value.ts";

/** A source of random test cases that fast-check drives and can shrink. All numbers are exact in float32. */
export interface Draw {
  int(min: number, max: number): number;
  bool(): boolean;
  pick<T>(choices: readonly T[]): T;
  /** Sizes from 1 to `largest`, `rank` of them. */
  shape(rank: number, largest?: number): number[];
  /** A random order of 0 … n−1. */
  order(n: number): number[];
  /** Standard normal numbers, float32. */
  normal(shape: readonly number[], scale?: number): Value;
  /** Numbers between two bounds, float32. */
  between(shape: readonly number[], low: number, high: number): Value;
  /** Numbers that differ from each other and from 0 by clearly more than a finite difference's step, about −3 to 3. */
  apart(shape: readonly number[]): Value;
  /** Normal numbers of deviation 2, none within 0.05 of a kink. */
  avoiding(shape: readonly number[], kinks: readonly number[]): Value;
  /** `shape`, or a shape that broadcasts to it: axes set to 1, leading axes dropped. */
  broadcastable(shape: readonly number[]): number[];
}

export function drawFrom(gen: fc.GeneratorValue): Draw {
  const int = (min: number, max: number): number => gen(fc.integer, { min, max });
  const bool = (): boolean => gen(fc.boolean);
  const source = (): ReturnType<typeof stream> => stream(int(0, 2 ** 30), "noise");
  const float32 = (shape: readonly number[], next: (i: number) => number): Value =>
    value(
      "float32",
      shape,
      Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.fround(next(i))),
    );
  return {
    int,
    bool,
    pick: (choices) => choices[int(0, choices.length - 1)]!,
    shape: (rank, largest = 4) => Array.from({ length: rank }, () => int(1, largest)),
    order: (n) => Array.from(source().permutation(n)),
    normal(shape, scale = 1) {
      const random = source();
      return float32(shape, () => random.normal() * scale);
    },
    between(shape, low, high) {
      const random = source();
      return float32(shape, () => low + (high - low) * random.uniform());
    },
    apart(shape) {
      const random = source();
      const count = sizeOf(shape);
      const order = random.permutation(count);
      const gap = 6 / Math.max(count, 6);
      return float32(
        shape,
        (i) =>
          (order[i]! - count / 2 + (count % 2 === 0 ? 0.5 : 0.25) + 0.2 * (random.uniform() - 0.5)) * gap,
      );
    },
    avoiding(shape, kinks) {
      const random = source();
      return float32(shape, () => {
        const x = 2 * random.normal();
        const near = kinks.find((kink) => Math.abs(x - kink) < 0.05);
        return near === undefined ? x : x + 0.15;
      });
    },
    broadcastable(shape) {
      const kept = shape.map((size) => (int(0, 2) === 0 ? 1 : size));
      return int(0, 2) === 0 ? kept.slice(int(0, kept.length)) : kept;
    },
  };
}
