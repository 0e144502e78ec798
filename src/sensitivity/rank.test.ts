import { assert, array, constantFrom, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import recorded from "../../test/oracle/kendall.json" with { type: "json" };
import { lookOf, noiseOf, toyMap } from "../../test/kit/toy-looks.ts";
import { pacBayesGap } from "./bayes.ts";
import { alphaGrid } from "./grid.ts";
import { kendall, orderOf, orderOfErrors } from "./rank.ts";
import { totalOf } from "./total.ts";

const resampling = { seed: 2, resamples: 100 };

test("τ-b is SciPy's, ties and infinities included", () => {
  for (const { x, y, tau } of recorded.cases) {
    const found = kendall(
      x,
      y.map((one) => one ?? Infinity),
    );
    if (tau === null) expect(found).toBeNull();
    else expect(found).toBeCloseTo(tau, 12);
  }
});

test("τ-b does not care who is first, and turns with a list", () => {
  const pair = tuple(constantFrom(0, 1, 2, Infinity), constantFrom(-1, 0, 3));
  assert(
    property(array(pair, { minLength: 2, maxLength: 9 }), (pairs) => {
      const [x, y] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
      const tau = kendall(x, y);
      const turned = kendall(
        x,
        y.map((one) => -one),
      );
      return (
        tau === kendall(y, x) && (tau === null ? turned === null : tau + turned! === 0 && Math.abs(tau) <= 1)
      );
    }),
  );
});

test("NaN and lists that do not match are refused", () => {
  expect(() => kendall([1, NaN], [1, 2])).toThrow("two lists of numbers");
  expect(() => kendall([1], [1, 2])).toThrow("got 1 and 2");
});

/** A module whose noise edge is `edge` at α = 1, blurred by the noise from draw to draw. */
const moduleOf = (edge: number, blur: number) =>
  toyMap(
    lookOf(({ alpha, ratio }, draw) =>
      alpha < 1 ? 0.5 : ratio - edge + (ratio > 0 ? blur * noiseOf(Math.round(edge * 100), draw, 1)[0]! : 0),
    ),
    {
      alphas: alphaGrid(3),
      ratios: [0, 0.1, 0.2, 0.4, 0.8, 1.6],
      epsilons: [0.05],
      span: 1,
      block: 64,
      images: 640,
      maxDraws: 16,
      refine: 0,
    },
  );

test("criticality that rises with depth has τ = 1, and an interval that knows how sure that is", async () => {
  const sure = await Promise.all([1.6, 0.8, 0.4, 0.1].map((edge) => moduleOf(edge, 0.001)));
  expect(orderOf(sure, [0, 1, 2, 3], 0.05, resampling)).toEqual({ value: 1, low: 1, high: 1 });
  expect(orderOf(sure, [3, 2, 1, 0], 0.05, resampling)?.value).toBe(-1);
  const blurred = await Promise.all([0.9, 0.7, 0.45, 0.3].map((edge) => moduleOf(edge, 0.3)));
  const order = orderOf(blurred, [0, 1, 2, 3], 0.05, resampling);
  expect(order!.high! - order!.low!).toBeGreaterThan(0.3);
  expect(orderOf([sure[0]!, sure[0]!], [0, 1], 0.05, resampling)).toBeNull();
});

test("an infinite module makes the network's sum infinite, and is named", async () => {
  const good = await moduleOf(0.4, 0.001);
  const bad = await toyMap(
    lookOf(({ alpha, ratio }) => (alpha === 1 && ratio === 0 ? 0 : 0.9)),
    {
      alphas: [0, 1],
      ratios: [0, 0.1],
      epsilons: [0.05],
      span: 1,
      block: 64,
      images: 640,
      maxDraws: 4,
      refine: 0,
    },
  );
  const total = totalOf(
    [
      { name: "stem", map: good },
      { name: "head", map: bad },
    ],
    0.05,
    resampling,
  );
  expect(total).toMatchObject({ epsilon: 0.05, value: null, high: null, infinite: ["head"] });
  expect(total.low).toBeGreaterThanOrEqual(1 / 0.1 ** 2);
  const one = totalOf([{ name: "stem", map: good }], 0.05, resampling);
  expect(one.value).toBeCloseTo(1 / 0.4 ** 2, 5);
});

test("the order of errors is resampled over images", () => {
  const images = 200;
  const wrong = [10, 40, 90].map((count) =>
    Uint8Array.from({ length: images }, (_, i) => (i < count ? 1 : 0)),
  );
  expect(orderOfErrors(wrong, [0, 1, 2], resampling)).toEqual({ value: 1, low: 1, high: 1 });
  const near = [10, 11].map((count, m) =>
    Uint8Array.from({ length: images }, (_, i) => ((i + 50 * m) % images < count ? 1 : 0)),
  );
  expect(orderOfErrors(near, [0, 1], resampling)).toEqual({ value: 1, low: -1, high: 1 });
  expect(orderOfErrors([wrong[0]!, wrong[0]!], [0, 1], resampling)).toBeNull();
  expect(orderOfErrors([], [], resampling)).toBeNull();
});

test("the PAC-Bayes gap by hand: KL = 50 nats, 1000 images, 95 %", () => {
  // ln(2 √1000 / 0.05) = 7.142716…; √(57.142716 / 2000) = 0.169031…
  expect(pacBayesGap({ mu: 100, images: 1000, delta: 0.05 })).toBeCloseTo(0.169031, 5);
  expect(pacBayesGap({ mu: Infinity, images: 1000, delta: 0.05 })).toBe(Infinity);
  expect(() => pacBayesGap({ mu: -1, images: 10, delta: 0.05 })).toThrow("μ ≥ 0");
});
