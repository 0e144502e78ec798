import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluationSteps, rateFactor, recipeSchema, type Schedule, totalSteps } from "./recipe.ts";

function factors(schedule: Schedule, total: number): number[] {
  return Array.from({ length: total }, (_, t) => rateFactor(schedule, t, total));
}

describe("rateFactor", () => {
  test("constant stays at 1 after a straight warm-up", () => {
    expect(factors({ kind: "constant", warmup: 4 }, 7)).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1]);
    expect(factors({ kind: "constant", warmup: 0 }, 3)).toEqual([1, 1, 1]);
  });

  test("cosine goes from 1 by way of one half to 0 just after the last step", () => {
    const schedule: Schedule = { kind: "cosine", warmup: 0 };
    expect(rateFactor(schedule, 0, 100)).toBe(1);
    expect(rateFactor(schedule, 50, 100)).toBeCloseTo(0.5, 12);
    expect(rateFactor(schedule, 25, 100)).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
    expect(rateFactor(schedule, 99, 100)).toBeCloseTo((1 + Math.cos(0.99 * Math.PI)) / 2, 12);
    expect(rateFactor(schedule, 100, 100)).toBeCloseTo(0, 12);
  });

  test("after the warm-up, cosine and steps are stretched over what is left", () => {
    expect(rateFactor({ kind: "cosine", warmup: 20 }, 20, 100)).toBe(1);
    expect(rateFactor({ kind: "cosine", warmup: 20 }, 60, 100)).toBeCloseTo(0.5, 12);
    const steps: Schedule = { kind: "step", milestones: [0.5], factor: 0.1, warmup: 20 };
    expect([59, 60].map((t) => rateFactor(steps, t, 100))).toEqual([1, 0.1]);
  });

  test("linear falls from 1 in equal steps, also after a warm-up", () => {
    expect(factors({ kind: "linear", warmup: 0 }, 4)).toEqual([1, 0.75, 0.5, 0.25]);
    expect(factors({ kind: "linear", warmup: 2 }, 6)).toEqual([0.5, 1, 1, 0.75, 0.5, 0.25]);
  });

  test("steps drop at their milestones, in whatever order these are listed", () => {
    const schedule: Schedule = { kind: "step", milestones: [0.75, 0.5], factor: 0.5, warmup: 0 };
    expect(factors(schedule, 8)).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]);
  });

  test("is between 0 and 1 for every schedule, step and length, also when the warm-up outlasts the run", () => {
    const schedule: fc.Arbitrary<Schedule> = fc.oneof(
      fc.record({ kind: fc.constant("constant" as const), warmup: fc.nat(50) }),
      fc.record({ kind: fc.constant("cosine" as const), warmup: fc.nat(50) }),
      fc.record({ kind: fc.constant("linear" as const), warmup: fc.nat(50) }),
      fc.record({
        kind: fc.constant("step" as const),
        milestones: fc.array(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { maxLength: 4 }),
        factor: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        warmup: fc.nat(50),
      }),
    );
    fc.assert(
      fc.property(schedule, fc.integer({ min: 1, max: 60 }), (one, total) => {
        for (const factor of factors(one, total)) {
          expect(factor).toBeGreaterThan(0);
          expect(factor).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe("totalSteps", () => {
  const recipe = recipeSchema.parse({ batch: 32 });

  test("counts full batches an epoch, at least one, and prefers a stated number of steps", () => {
    expect(totalSteps({ ...recipe, epochs: 3 }, 100)).toBe(9);
    expect(totalSteps({ ...recipe, epochs: 0.5 }, 640)).toBe(10);
    expect(totalSteps({ ...recipe, epochs: 3 }, 10)).toBe(3);
    expect(totalSteps({ ...recipe, epochs: 0.001 }, 64)).toBe(1);
    expect(totalSteps(recipe, 64)).toBe(2);
    expect(totalSteps({ ...recipe, epochs: 3, steps: 7 }, 100)).toBe(7);
  });
});

describe("evaluationSteps", () => {
  test("looks often at first, ever more seldom, and at the end", () => {
    expect(evaluationSteps(100, 5)).toEqual([4, 16, 36, 64, 100]);
    expect(evaluationSteps(100, 1)).toEqual([100]);
    expect(evaluationSteps(1, 20)).toEqual([1]);
  });

  test("gives rising whole steps, none beyond the end, no more than asked for", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 60 }), (total, count) => {
        const steps = evaluationSteps(total, count);
        expect(steps.at(-1)).toBe(total);
        expect(steps.length).toBeLessThanOrEqual(count);
        steps.forEach((step, i) => {
          expect(Number.isInteger(step)).toBe(true);
          expect(step).toBeGreaterThan(steps[i - 1] ?? 0);
        });
      }),
    );
  });
});

describe("recipeSchema", () => {
  test("fills in the defaults and refuses what is unknown or out of range", () => {
    expect(recipeSchema.parse({})).toMatchObject({
      optimizer: "sgd",
      schedule: { kind: "cosine", warmup: 0 },
      batch: 32,
      augment: { crop: 0, flip: false, mixup: 0 },
    });
    const refused = [
      { learningrate: 0.1 },
      { learningRate: 0 },
      { momentum: 1 },
      { batch: 1.5 },
      { labelSmoothing: -0.1 },
      { schedule: { kind: "step", milestones: [1] } },
      { optimizer: "lion" },
      { steps: 10, epochs: 2 },
    ];
    for (const one of refused) expect(recipeSchema.safeParse(one).success, JSON.stringify(one)).toBe(false);
  });
});
