import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { assign, type Assignment } from "./assign.ts";

interface Recorded {
  readonly name: string;
  readonly n: number;
  readonly scores: number[];
  readonly total: number;
}
const path = fileURLToPath(new URL("../../test/oracle/assignments.json", import.meta.url));
const recorded = JSON.parse(readFileSync(path, "utf8")) as Recorded[];

/** Is it a permutation with the total it says, and do its prices prove that none is better? */
function expectProved(scores: ArrayLike<number>, n: number, found: Assignment): void {
  expect([...found.columns].toSorted((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
  let total = 0;
  let dual = 0;
  let size = 1;
  for (let i = 0; i < n; i++) {
    total += scores[i * n + found.columns[i]!]!;
    dual += found.u[i]! + found.v[i]!;
    for (let j = 0; j < n; j++) size = Math.max(size, Math.abs(scores[i * n + j]!));
  }
  // Prices are sums of up to n differences of scores, each rounded to double precision.
  const tolerance = 1e-12 * size * n;
  expect(Math.abs(found.total - total)).toBeLessThanOrEqual(tolerance);
  expect(Math.abs(dual - total)).toBeLessThanOrEqual(tolerance * n);
  let violation = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++)
      violation = Math.max(violation, scores[i * n + j]! - found.u[i]! - found.v[j]!);
  }
  expect(violation).toBeLessThanOrEqual(tolerance);
}

/** The best total of all n! assignments. */
function byHand(scores: ArrayLike<number>, n: number, row = 0, taken = 0): number {
  if (row === n) return 0;
  let best = -Infinity;
  for (let j = 0; j < n; j++) {
    if ((taken >> j) & 1) continue;
    best = Math.max(best, scores[row * n + j]! + byHand(scores, n, row + 1, taken | (1 << j)));
  }
  return best;
}

const square = (n: number, of: fc.Arbitrary<number>): fc.Arbitrary<{ n: number; scores: number[] }> =>
  fc.array(of, { minLength: n * n, maxLength: n * n }).map((scores) => ({ n, scores }));
const problems = fc
  .integer({ min: 1, max: 7 })
  .chain((n) =>
    fc.oneof(
      square(n, fc.integer({ min: -3, max: 3 })),
      square(n, fc.double({ min: -1, max: 1, noNaN: true })),
    ),
  );

describe("assign", () => {
  test.each(recorded)("finds SciPy's total: $name", ({ n, scores, total }) => {
    const found = assign(Float64Array.from(scores), n);
    expect(found.total).toBe(total);
    expectProved(scores, n, found);
    expect(assign(Float32Array.from(scores), n).total).toBe(total);
  });

  test("none of all n! assignments is better", () => {
    fc.assert(
      fc.property(problems, ({ n, scores }) => {
        expect(assign(Float64Array.from(scores), n).total).toBeCloseTo(byHand(scores, n), 12);
      }),
    );
  });

  test("prices prove the answer, from whatever prices it starts", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer(),
        fc.constantFrom("normal", "ties", "rank one", "rank two", "dead"),
        fc.constantFrom("cold", "own prices", "wild prices"),
        (n, seed, kind, start) => {
          const scores = matrix(n, seed, kind);
          const random = stream(seed, "noise", "prices");
          const v =
            start === "own prices"
              ? assign(scores, n).v
              : Float64Array.from({ length: n }, () => 10 * random.normal());
          expectProved(scores, n, start === "cold" ? assign(scores, n) : assign(scores, n, { v }));
        },
      ),
    );
  });

  test.each(["normal", "ties", "rank one", "rank two", "dead"])("256 rows, %s", (kind) => {
    const scores = matrix(256, 1, kind);
    expectProved(scores, 256, assign(scores, 256));
  });

  test("adding to a row or a column changes nothing but the total", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.integer(), (n, seed) => {
        const scores = Float64Array.from(matrix(n, seed, "normal"));
        const shifted = scores.map((score, k) => score + (k % n === 1 ? 4 : 0) - (k < n ? 2 : 0));
        expect(assign(shifted, n).columns).toEqual(assign(scores, n).columns);
      }),
    );
  });

  test("a planted order is found, and no rows are assigned to nothing", () => {
    const order = stream(3, "shuffle").permutation(100);
    const scores = matrix(100, 3, "normal");
    order.forEach((j, i) => (scores[i * 100 + j]! += 8));
    expect(assign(scores, 100).columns).toEqual(order);
    expect(assign(new Float32Array(0), 0)).toMatchObject({ total: 0 });
  });

  test("scores that are no numbers, or too few, are refused", () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const scores = new Float32Array([1, 2, 3, bad]);
      expect(() => assign(scores, 2)).toThrow("must be finite numbers");
      expect(() => assign(scores, 2, { v: new Float64Array(2) })).toThrow("must be finite numbers");
    }
    expect(() => assign(new Float32Array(5), 2)).toThrow("needs 4 scores");
    expect(() => assign(new Float32Array(4), 2, { v: new Float64Array(3) })).toThrow("got 4 and 3");
  });
});

function matrix(n: number, seed: number, kind: string): Float32Array {
  const random = stream(seed, "noise", kind);
  const left = Array.from({ length: 2 * n }, () => random.normal());
  const right = Array.from({ length: 2 * n }, () => random.normal());
  return Float32Array.from({ length: n * n }, (_, k) => {
    const i = Math.floor(k / n);
    const j = k % n;
    if (kind === "ties") return random.below(4);
    if (kind === "rank one") return left[i]! * right[j]!;
    if (kind === "rank two") return left[i]! * right[j]! + left[n + i]! * right[n + j]!;
    if (kind === "dead" && (i % 3 === 0 || j % 4 === 1)) return 0;
    return random.normal();
  });
}
