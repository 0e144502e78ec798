import { assert, double, property, record, array, constantFrom, integer } from "fast-check";
import { describe, expect, test } from "vitest";
import { lookOf, noiseOf, normalCumulative, toyMap } from "../../test/kit/toy-looks.ts";
import { alphaGrid, ratioGrid } from "./grid.ts";
import { criticalityOf, mapCells } from "./measures.ts";
import { totalOf } from "./total.ts";
import type { SampledMap, SampledPlace } from "./types.ts";

// papers.md I.4: L = L_F + h/2 ‖θ − θ_F‖², D = ‖θ_F − θ_0‖ = 3, k = 4 weights of RMS 1, so σ = r and span = D². Loss and ε
// are scaled by 0.1 alike (h = 2 → 0.2, ε = 1 → 0.1), which leaves μ = k (h D² / (2ε) − 1) = 32 as it is.
const quadratic = { h: 0.2, distance: 3, k: 4, epsilon: 0.1, mu: 32 };
const exactQuadratic = lookOf(
  ({ alpha, ratio }) => (quadratic.h / 2) * ((1 - alpha) ** 2 * 9 + quadratic.k * ratio ** 2),
);
const noisyQuadratic = (seed: number) =>
  lookOf(({ alpha, ratio }, draw) =>
    noiseOf(seed, draw, quadratic.k)
      // The whole distance lies along the first weight.
      .map((z, i) => (i === 0 ? (1 - alpha) * quadratic.distance : 0) + ratio * z)
      .reduce((sum, off) => sum + (quadratic.h / 2) * off * off, 0),
  );
// An exact evaluator has seen all images there could be.
const many = { block: 1e9, images: 1e9 };
const base = { span: 9, ...many, epsilons: [quadratic.epsilon], maxDraws: 4, refine: 0 };
const resampling = { seed: 1, resamples: 200 };

describe("the isotropic quadratic, whose criticality is known in closed form", () => {
  test("is reached from above, ever nearer as the grid gets finer", async () => {
    const errors: number[] = [];
    for (const n of [6, 21, 81]) {
      const map = await toyMap(exactQuadratic, {
        ...base,
        alphas: alphaGrid(n),
        ratios: ratioGrid({ from: 0.05, to: 4, count: n }),
      });
      const { mu, kl, at } = criticalityOf(map, quadratic.epsilon, resampling);
      errors.push(mu.value! - quadratic.mu);
      expect(kl.value).toBe(mu.value! / 2);
      expect(at!.alpha).toBeGreaterThan(0.5);
    }
    expect(errors[2]).toBeGreaterThanOrEqual(0);
    expect(errors[0]).toBeGreaterThan(errors[1]!);
    expect(errors[1]).toBeGreaterThan(errors[2]!);
    expect(errors[2]! / quadratic.mu).toBeLessThan(0.1);
  });

  test("is come nearer to by refining, with at most 20 places more", async () => {
    const grid = { ...base, alphas: alphaGrid(11), ratios: ratioGrid({ from: 0.01, to: 4, count: 10 }) };
    const values: number[] = [];
    for (const refine of [0, 1, 3, 5]) {
      const map = await toyMap(exactQuadratic, { ...grid, refine });
      expect(map.places.length).toBeLessThanOrEqual(11 * 11 + 20);
      values.push(criticalityOf(map, quadratic.epsilon, resampling).mu.value!);
    }
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeLessThanOrEqual(values[i - 1]!);
    expect(values[0]).toBeGreaterThan(2 * quadratic.mu);
    expect(values.at(-1)).toBeGreaterThanOrEqual(quadratic.mu);
    expect(values.at(-1)! / quadratic.mu).toBeLessThan(1.1);
  });

  test("is estimated from noise draws, with an interval that holds the truth", async () => {
    const map = await toyMap(noisyQuadratic(5), {
      ...base,
      alphas: alphaGrid(10),
      ratios: ratioGrid({ from: 0.1, to: 2, count: 20 }),
      block: 1,
      images: 1,
      maxDraws: 256,
      refine: 2,
    });
    const { mu, radius } = criticalityOf(map, quadratic.epsilon, resampling);
    expect(mu.low).toBeLessThan(quadratic.mu);
    expect(mu.high).toBeGreaterThan(quadratic.mu);
    expect(mu.value! / quadratic.mu).toBeGreaterThan(0.75);
    expect(mu.value! / quadratic.mu).toBeLessThan(1.35);
    // At α = 1: h/2 k r² = ε, r = ½.
    expect(radius.low).toBeLessThanOrEqual(0.5);
    expect(radius.high).toBeGreaterThanOrEqual(0.5);
  });

  test("two independent modules add, and so does the interval's order", async () => {
    const map = await toyMap(exactQuadratic, {
      ...base,
      alphas: alphaGrid(11),
      ratios: ratioGrid({ from: 0.01, to: 4, count: 30 }),
    });
    const one = criticalityOf(map, quadratic.epsilon, resampling).mu;
    const both = totalOf(
      [
        { name: "a", map },
        { name: "b", map },
      ],
      quadratic.epsilon,
      resampling,
    );
    expect(both.value).toBeCloseTo(2 * one.value!, 9);
    expect(both.low).toBeLessThanOrEqual(both.value!);
    expect(both.high).toBeGreaterThanOrEqual(both.value!);
    expect(both.infinite).toEqual([]);
  });
});

describe("the sign of one weight: f = sign(w x), from w = −1 to w = 1", () => {
  // papers.md I.5: ε = Φ(−2), μ = 16 at α = 1, σ = ½. One image, one weight of RMS 1: span = 4.
  const sign = {
    alphas: alphaGrid(11),
    ratios: [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.8, 1],
    epsilons: [normalCumulative(-2)],
    span: 4,
    block: 1,
    images: 1,
    refine: 0,
  };

  test("is exact with an exact evaluator", async () => {
    const look = lookOf(({ alpha, ratio }) =>
      ratio === 0 ? (alpha > 0.5 ? 0 : 1) : normalCumulative((1 - 2 * alpha) / ratio),
    );
    const found = criticalityOf(
      await toyMap(look, { ...sign, ...many, maxDraws: 4 }),
      sign.epsilons[0]!,
      resampling,
    );
    expect(found.mu.value).toBeCloseTo(16, 9);
    expect(found.at).toEqual({ alpha: 1, ratio: 0.5 });
    expect(found.radius.ratio).toBe(0.5);
  });

  test("is within the interval with many draws", async () => {
    const look = lookOf(({ alpha, ratio }, draw) =>
      2 * alpha - 1 + ratio * noiseOf(3, draw, 1)[0]! > 0 ? 0 : 1,
    );
    const map = await toyMap(look, { ...sign, maxDraws: 4096 });
    const { mu, radius } = criticalityOf(map, sign.epsilons[0]!, resampling);
    expect(mu.low).toBeLessThanOrEqual(16);
    expect(mu.high).toBeGreaterThanOrEqual(16);
    expect(mu.high! / mu.low!).toBeLessThan(3);
    expect(radius.low).toBeLessThanOrEqual(0.5);
    expect(radius.high).toBeGreaterThanOrEqual(0.5);
  });
});

describe("what criticality says at its ends", () => {
  const alphas = alphaGrid(5);
  const ratios = [0, 0.1, 1];
  const options = {
    alphas,
    ratios,
    epsilons: [0.01],
    span: 2,
    block: 64,
    images: 512,
    maxDraws: 8,
    refine: 1,
  };

  test("is 0 exactly when the module set back to its initial weights is within ε", async () => {
    for (const [back, expected] of [
      [0.0099, 0],
      [0.0101, 2 / 0.1 ** 2],
    ] as const) {
      // Noise helps at α = 0 in this toy; it does not count there.
      const look = lookOf(({ alpha, ratio }) =>
        alpha === 0 ? (ratio === 0 ? back : 0) : alpha === 1 && ratio < 0.5 ? 0 : 0.3,
      );
      const { mu, at } = criticalityOf(await toyMap(look, options), 0.01, resampling);
      if (expected === 0) {
        expect(mu).toEqual({ value: 0, low: 0, high: 0 });
        expect(at).toEqual({ alpha: 0, ratio: 1 });
      } else {
        expect(mu.value).toBeGreaterThan(0);
        expect(mu.value).toBeLessThanOrEqual(expected);
        expect(mu.low).toBeGreaterThan(0);
      }
    }
  });

  test("is infinite, with the reason, when only the final weights themselves are within ε", async () => {
    const look = lookOf(({ alpha, ratio }) => (alpha === 1 && ratio === 0 ? 0 : 0.2 + ratio / 10));
    const found = criticalityOf(await toyMap(look, { ...options, refine: 0 }), 0.01, resampling);
    expect(found.mu.value).toBeNull();
    expect(found.mu.high).toBeNull();
    // The next ratio looked at is 0.1: μ cannot be below what it would give.
    expect(found.mu.low).toBeCloseTo(2 / 0.1 ** 2, 9);
    expect(found.at).toBeUndefined();
    expect(found.reason).toBe(
      "nothing with noise is within ε = 0.01: the error rises by at least 0.21 (at α = 0.25, noise of 0.1 times the weights' root mean square)",
    );
    expect(found.radius).toEqual({ alpha: 1, ratio: 0, low: 0, high: 0.1, beyond: false });
    expect(found.edges[0]).toEqual({ alpha: 0, ratio: null, low: null, high: 0, beyond: false });
  });

  test("knows no lower end when even the largest noise is taken", async () => {
    const look = lookOf(({ alpha }) => (alpha === 1 ? 0 : 0.5));
    const { mu, radius } = criticalityOf(await toyMap(look, options), 0.01, resampling);
    expect(mu).toEqual({ value: 2, low: 0, high: 2 });
    expect(radius).toEqual({ alpha: 1, ratio: 1, low: 1, high: null, beyond: true });
  });

  test("a few images without an error are not certainty", async () => {
    // 4 draws of 16 images: the rule of three leaves 3/64 open, more than ε.
    const map = await toyMap(
      lookOf(({ alpha }) => (alpha === 1 ? 0 : 0.5)),
      { ...options, block: 16, maxDraws: 4, refine: 0 },
    );
    const { mu, radius } = criticalityOf(map, 0.01, resampling);
    expect(mu.value).toBe(2);
    expect(mu.high).toBeNull();
    // Without noise every image was looked at; with it few were.
    expect(radius.low).toBe(0);
    const cell = mapCells(map, 0.01).find(({ alpha, ratio }) => alpha === 1 && ratio === 1);
    expect(cell?.within).toBe("open");
    expect(cell?.excess.high).toBeCloseTo(3 / 64, 3);
    expect(cell?.images).toBe(64);
  });

  test("a ball ends at its first hole, μ may lie beyond it", async () => {
    const look = lookOf(({ alpha, ratio }) => (alpha === 1 && ratio !== 0.1 ? 0 : 0.5));
    const found = criticalityOf(await toyMap(look, { ...options, refine: 0 }), 0.01, resampling);
    expect(found.radius).toMatchObject({ ratio: 0, beyond: false });
    expect(found.at).toEqual({ alpha: 1, ratio: 1 });
  });

  test("a loss that is not a number has no mean", async () => {
    const map = await toyMap(
      {
        look: (_, places) =>
          Promise.resolve({
            excess: new Float32Array(places.length),
            lossExcess: Float32Array.from(places, ({ ratio }) => (ratio === 1 ? Infinity : 0.5)),
          }),
      },
      { ...options, refine: 0 },
    );
    for (const { ratio, lossExcess } of mapCells(map, 0.01))
      expect(lossExcess).toEqual(ratio === 1 ? null : { value: 0.5, low: 0.5, high: 0.5 });
  });
});

test("value, low and high of μ never rise with ε, edges never fall, and each value is within its ends", () => {
  const alphas = [0, 0.5, 1];
  const ratios = [0, 0.1, 0.3, 1];
  const values = array(constantFrom(0, 0.01, 0.02, 0.05, 0.3, -0.02), { minLength: 2, maxLength: 6 });
  const place = record({
    values,
    alpha: constantFrom(0.25, 0.75, 0.9),
    ratio: double({ min: 0.05, max: 2, noNaN: true }),
  });
  const map = record({
    grid: array(values, { minLength: 12, maxLength: 12 }),
    more: array(place, { maxLength: 3 }),
    block: integer({ min: 1, max: 64 }),
  }).map(({ grid, more, block }): SampledMap => {
    const at = (alpha: number, ratio: number, excess: number[], refined: boolean): SampledPlace => ({
      alpha,
      ratio,
      refined,
      excess: Float32Array.from(excess),
      lossExcess: Float32Array.from(excess),
    });
    const places = [
      ...alphas.flatMap((alpha, i) => ratios.map((ratio, j) => at(alpha, ratio, grid[i * 4 + j]!, false))),
      ...more.map((one) => at(one.alpha, one.ratio, one.values, true)),
    ];
    return { noise: "isotropic", span: 3, block, images: 4 * block, alphas, ratios, places };
  });
  const top = (one: number | null): number => one ?? Infinity;
  const bottom = (one: number | null): number => one ?? -1;
  assert(
    property(map, integer({ min: 0, max: 99 }), (drawn, seed) => {
      const all = [0, 0.005, 0.01, 0.02, 0.1, 0.4].map((epsilon) =>
        criticalityOf(drawn, epsilon, { seed, resamples: 25 }),
      );
      for (const { mu, at, reason, radius } of all) {
        if (!(bottom(mu.low) >= 0 || mu.low === null)) return false;
        if (top(mu.low) > top(mu.value) || top(mu.value) > top(mu.high)) return false;
        if ((mu.value === null) !== (reason !== undefined) || (mu.value === null) === (at !== undefined))
          return false;
        if (bottom(radius.low) > bottom(radius.ratio) || bottom(radius.ratio) > top(radius.high))
          return false;
      }
      return all.every((now, i) => {
        const before = all[i - 1];
        return (
          before === undefined ||
          ((["value", "low", "high"] as const).every((end) => top(now.mu[end]) <= top(before.mu[end])) &&
            now.edges.every(
              (edge, e) =>
                bottom(edge.ratio) >= bottom(before.edges[e]!.ratio) &&
                bottom(edge.low) >= bottom(before.edges[e]!.low) &&
                top(edge.high) >= top(before.edges[e]!.high),
            ))
        );
      });
    }),
  );
});
