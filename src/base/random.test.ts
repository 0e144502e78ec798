import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Random, stream } from "./random.ts";

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.uniform());
}

describe("stream", () => {
  test("gives the same numbers for the same seed, name and parts, on every machine and in every version", () => {
    const random = stream(7, "order", 3);
    expect(draw(stream(7, "order", 3), 5)).toEqual(draw(stream(7, "order", 3), 5));
    // Written down once: if these change, every finished run means something else.
    expect([random.uniform(), random.normal(), random.below(1000), ...random.permutation(6)])
      .toMatchInlineSnapshot(`
      [
        0.89457237747633,
        -1.0991029193959712,
        104,
        2,
        5,
        4,
        0,
        1,
        3,
      ]
    `);
  });

  test("gives other numbers for another seed, name or part", () => {
    const streams = [
      stream(7, "order", 3),
      stream(8, "order", 3),
      stream(7, "init", 3),
      stream(7, "order", 4),
      stream(7, "order"),
      stream(7, "order", 3, 0),
      stream(73, "order"),
      stream(7, "order", "3 0"),
    ];
    expect(new Set(streams.map((one) => one.uniform())).size).toBe(streams.length);
  });

  test("seeds that follow each other are not alike", () => {
    // First numbers of a thousand seeds: their mean and their correlation with the next seed's, at five deviations.
    const first = Array.from({ length: 1000 }, (_, seed) => stream(seed, "init").uniform() - 0.5);
    const mean = first.reduce((a, b) => a + b, 0) / 1000;
    const product = first.slice(1).reduce((sum, x, i) => sum + x * first[i]!, 0) / 999;
    expect(Math.abs(mean)).toBeLessThan((5 * Math.sqrt(1 / 12)) / Math.sqrt(1000));
    expect(Math.abs(product)).toBeLessThan(5 / 12 / Math.sqrt(999));
  });
});

describe("what is drawn", () => {
  test("uniform numbers are in [0, 1), whole ones below their bound", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed, n) => {
        const random = stream(seed, "noise");
        for (let i = 0; i < 20; i++) {
          const u = random.uniform();
          expect(u >= 0 && u < 1).toBe(true);
          const k = random.below(n);
          expect(Number.isInteger(k) && k >= 0 && k < n).toBe(true);
        }
      }),
    );
  });

  test("normal numbers have the moments of the standard normal", () => {
    const random = stream(1, "noise");
    const count = 20_000;
    const xs = Array.from({ length: count }, () => random.normal());
    const moment = (power: number): number => xs.reduce((sum, x) => sum + x ** power, 0) / count;
    // Five standard errors each: those of x, x², x³, x⁴ are 1, √2, √15, √96 over √count.
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan((5 * Math.SQRT2) / Math.sqrt(count));
    expect(Math.abs(moment(3))).toBeLessThan((5 * Math.sqrt(15)) / Math.sqrt(count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan((5 * Math.sqrt(96)) / Math.sqrt(count));
    // Both numbers of Box and Muller's pair are used; they must not depend on each other.
    const paired = xs.reduce((sum, x, i) => (i % 2 === 0 ? sum + x * xs[i + 1]! : sum), 0) / (count / 2);
    expect(Math.abs(paired)).toBeLessThan(5 / Math.sqrt(count / 2));
  });

  test("permutations hold every number once, and every order comes up equally often", () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(200), (seed, n) => {
        expect([...stream(seed, "order").permutation(n)].toSorted((a, b) => a - b)).toEqual([
          ...Array(n).keys(),
        ]);
      }),
    );
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const order = stream(seed, "order").permutation(3).join();
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    // χ² with 5 degrees of freedom exceeds 25.7 in one case of ten thousand.
    const chi = [...seen.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chi).toBeLessThan(25.7);
  });

  test("normal and uniform numbers come from sources of their own: drawing one does not shift the other", () => {
    const mixed = stream(5, "init");
    const uniform = stream(5, "init");
    mixed.normal();
    expect(draw(mixed, 3)).toEqual(draw(uniform, 3));
  });
});
