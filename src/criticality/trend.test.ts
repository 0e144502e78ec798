import { expect, test } from "vitest";
import { chanceOfTau } from "./trend.ts";

/** All orders of 0 … n−1. */
function orders(n: number): number[][] {
  return n === 0
    ? [[]]
    : orders(n - 1).flatMap((order) =>
        Array.from({ length: n }, (_, i) => [...order.slice(0, i), n - 1, ...order.slice(i)]),
      );
}

test("the chance of τ is that among all orders", () => {
  for (const n of [2, 3, 5, 6]) {
    const taus = orders(n).map((order) => {
      let sum = 0;
      for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) sum += Math.sign(order[i]! - order[j]!);
      return sum / ((n * (n - 1)) / 2);
    });
    for (const tau of new Set(taus)) {
      const least = Math.abs(tau) - 1e-9;
      const counted = taus.filter((one) => Math.abs(one) >= least).length;
      expect(chanceOfTau(tau, n)).toBeCloseTo(counted / taus.length, 12);
    }
  }
});

test("three modules never show a trend, twenty do", () => {
  expect(chanceOfTau(1, 3)).toBeCloseTo(1 / 3, 12);
  expect(chanceOfTau(0, 10)).toBeCloseTo(1, 12);
  // Of 190 pairs at most 47 turned, τ ≥ 0.505: the normal approximation says 0.0018, its tails are a little too heavy.
  expect(chanceOfTau(0.5, 20)).toBeGreaterThan(0.001);
  expect(chanceOfTau(0.5, 20)).toBeLessThan(0.002);
});
