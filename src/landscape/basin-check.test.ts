import { describe, expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { basinCheck, type BasinPlan, planBasinCheck } from "./basin-check.ts";
import { combine } from "./combine.ts";

const size = 50;
const random = stream(4, "noise");
const vectors = Array.from({ length: 3 }, () => Float32Array.from({ length: size }, () => random.normal()));
const options = { delta: 0.5, inside: 20, rays: 12, noises: 3, seed: 1 };
const plan = planBasinCheck(vectors, options);
const basis = [...vectors, ...plan.noise];

function losses(loss: (theta: Float32Array, point: readonly number[]) => number | null) {
  const at = (points: BasinPlan["inside"]): (number | null)[] =>
    points.map((point) => loss(combine(basis, point, new Float32Array(size)), point));
  return { inside: at(plan.inside), shaken: at(plan.shaken), pushed: at(plan.pushed) };
}

describe("planBasinCheck", () => {
  test("looks inside the hull, on its rim with a random step, and outside along the ray", () => {
    for (const point of plan.inside) {
      expect(Math.min(...point)).toBeGreaterThanOrEqual(0);
      expect(point.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    }
    plan.shaken.forEach((point, ray) => {
      const [rim, noise] = [point.slice(0, 3), point.slice(3)];
      expect(Math.min(...rim)).toBeCloseTo(0, 12);
      expect(rim.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(noise.filter((one) => one === 1)).toEqual([1]);
      // Both steps have the length of ν.
      const at = combine(vectors, rim, new Float32Array(size));
      const out = combine(basis, plan.pushed[ray]!, new Float32Array(size));
      const step = Math.hypot(...out.map((one, i) => one - at[i]!));
      expect(step).toBeCloseTo(Math.hypot(...plan.noise[noise.indexOf(1)]!), 4);
      expect(Math.min(...plan.pushed[ray]!.slice(0, 3))).toBeLessThan(0);
    });
    // ‖ν‖ is about δ: χ² of 50 numbers, four standard deviations.
    for (const noise of plan.noise) expect(Math.abs(Math.hypot(...noise) / 0.5 - 1)).toBeLessThan(0.4);
    expect(planBasinCheck(vectors, options)).toEqual(plan);
  });

  test("moves parameters only", () => {
    const some = planBasinCheck(vectors, { ...options, parameters: 40 });
    for (const noise of some.noise) expect(noise.slice(40)).toEqual(new Float32Array(10));
  });
});

describe("basinCheck", () => {
  test("finds a basin that is flat inside and rises outside", () => {
    const found = basinCheck(
      losses((_, point) => {
        const out = Math.max(...point.slice(0, 3).map((one) => -one), ...point.slice(3));
        return 1 + (out > 1e-9 ? 1 : 0);
      }),
      0.1,
    );
    expect(found).toEqual({ mean: 1, spread: 0, shakenRise: 1, pushedRise: 1, isFlat: true, rises: true });
  });

  test("knows a plain from a basin, and a ridge inside, and what overflows", () => {
    expect(
      basinCheck(
        losses(() => 1),
        0.1,
      ),
    ).toMatchObject({ isFlat: true, rises: false });
    expect(
      basinCheck(
        losses((theta) => theta[0]! * 100),
        0.1,
      ).isFlat,
    ).toBe(false);
    expect(
      basinCheck(
        losses(() => null),
        0.1,
      ),
    ).toMatchObject({ mean: Infinity, isFlat: false, rises: false });
    const open = losses((_, point) => (Math.min(...point) < 0 || point.slice(3).includes(1) ? null : 1));
    expect(basinCheck(open, 0.1)).toMatchObject({ isFlat: true, rises: true, pushedRise: Infinity });
  });
});
