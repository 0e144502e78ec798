import fc from "fast-check";
import { describe, expect, test } from "vitest";
import recorded from "../../test/oracle/t-quantiles.json" with { type: "json" };
import { covariance, jackknife, mean, meanInterval, ratioInterval, tCumulative, tQuantile } from "./stats.ts";

const sample = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 3, maxLength: 8 });

describe("Student's t", () => {
  test("quantiles are scipy's", () => {
    for (const [p, dof, t] of recorded.rows as [number, number, number][]) {
      expect(Math.abs(tQuantile(p, dof) / t - 1), `p ${p}, dof ${dof}`).toBeLessThan(1e-9);
    }
  });
  test("one degree of freedom is Cauchy's distribution", () => {
    for (const t of [-3, -0.5, 0, 1, 12.7])
      expect(tCumulative(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 14);
  });
  test("two degrees of freedom have a closed form", () => {
    for (const p of [0.6, 0.9, 0.975, 0.99]) {
      expect(tQuantile(p, 2)).toBeCloseTo((2 * p - 1) / Math.sqrt(2 * p * (1 - p)), 9);
    }
  });
  test("quantiles undo the distribution, and are odd about one half", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.integer({ min: 1, max: 60 }),
        (p, dof) => {
          const t = tQuantile(p, dof);
          expect(tCumulative(t, dof)).toBeCloseTo(p, 11);
          expect(tQuantile(1 - p, dof)).toBeCloseTo(-t, 6);
        },
      ),
    );
  });
  test("a probability of 1 is refused", () => {
    expect(() => tQuantile(1, 3)).toThrow("p = 1");
  });
});

test("the interval of three values, by hand", () => {
  // mean 2, s 1, t(0.975, 2) = 4.30265: 2 ± 4.30265 / √3
  const interval = meanInterval([1, 2, 3], 0.95)!;
  expect(interval.low).toBeCloseTo(2 - 2.48414, 5);
  expect(interval.high).toBeCloseTo(2 + 2.48414, 5);
  expect(meanInterval([5], 0.95)).toBeNull();
});

test("covariance, by hand", () => {
  expect(covariance([1, 2, 3], [2, 4, 9])).toBeCloseTo(3.5, 14);
});

describe("Fieller's interval", () => {
  test("ends where the t test of x − ρy is just passed, and holds the ratio", () => {
    fc.assert(
      fc.property(sample, fc.infiniteStream(fc.double({ min: 1, max: 2, noNaN: true })), (x, stream) => {
        const y = x.map(() => stream.next().value as number);
        const interval = ratioInterval(x, y, 0.95);
        if (interval === null) {
          const ofY = meanInterval(y, 0.95)!;
          expect(ofY.low <= 1e-9 && ofY.high >= -1e-9).toBe(true);
          return;
        }
        const ratio = mean(x) / mean(y);
        expect(interval.low).toBeLessThanOrEqual(ratio + 1e-9);
        expect(interval.high).toBeGreaterThanOrEqual(ratio - 1e-9);
        for (const rho of [interval.low, interval.high]) {
          const rest = meanInterval(
            x.map((value, i) => value - rho * y[i]!),
            0.95,
          )!;
          // One end of the interval of x − ρy lies at 0.
          expect(Math.min(Math.abs(rest.low), Math.abs(rest.high))).toBeLessThan(1e-5 * (1 + Math.abs(rho)));
        }
      }),
    );
  });
  test("is unbounded when the denominator may be zero", () => {
    expect(ratioInterval([1, 2, 3], [-1, 0, 1], 0.95)).toBeNull();
  });
  test("of a constant denominator is the interval of the numerator, divided", () => {
    const plain = meanInterval([1, 2, 4], 0.95)!;
    const ratio = ratioInterval([1, 2, 4], [2, 2, 2], 0.95)!;
    expect(ratio.low).toBeCloseTo(plain.low / 2, 12);
    expect(ratio.high).toBeCloseTo(plain.high / 2, 12);
  });
});

describe("the jackknife", () => {
  test("gives back the values when the statistic is their mean", () => {
    fc.assert(
      fc.property(sample, (x) => {
        const found = jackknife(x.length, (kept) => mean(kept.map((i) => x[i]!)))!;
        for (const [i, part] of found.parts!.entries()) expect(part).toBeCloseTo(x[i]!, 9);
      }),
    );
  });
  test("has no parts when a leave-one-out statistic does not exist", () => {
    expect(jackknife(3, (kept) => (kept.length === 3 ? 1 : null))).toEqual({ value: 1, parts: null });
    expect(jackknife(1, () => 7)).toEqual({ value: 7, parts: null });
    expect(jackknife(3, () => null)).toBeNull();
  });
});
