import { describe, expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { barriers, instability, verdict } from "./barriers.ts";
import { meanCurve } from "./curve.ts";
import type { Barrier, PerImage } from "./types.ts";

const grid = (count: number): number[] => Array.from({ length: count }, (_, i) => i / (count - 1));

/** A path whose every image has the loss `loss(α)`, half of them right. */
function exact(at: readonly number[], loss: (alpha: number) => number, images = 4): PerImage[] {
  return at.map((alpha) => ({
    losses: new Float32Array(images).fill(loss(alpha)),
    correct: Uint8Array.from({ length: images }, (_, i) => i % 2),
  }));
}

function pick(found: readonly Barrier[], definition: string, quantity = "loss"): Barrier {
  return found.find((one) => one.definition === definition && one.quantity === quantity)!;
}

const options = { split: "test", seed: 1, resamples: 200 } as const;

describe("closed forms", () => {
  test("a convex quadratic has no chord barrier, |L_A − L_B|/2 over the mean, −d′Ad/8 at the middle (I.1)", () => {
    // L = ½ Σ h_i (θ_i − c_i)², all numbers dyadic: every value below is exact in float32.
    const h = [2, 1, 4];
    const centre = [0.5, -1, 0];
    const [a, b] = [
      [0, 0, 0.5],
      [2, 1, -1],
    ];
    const loss = (alpha: number): number =>
      0.5 *
      h.reduce((sum, one, i) => sum + one * ((1 - alpha) * a![i]! + alpha * b![i]! - centre[i]!) ** 2, 0);
    const bend = h.reduce((sum, one, i) => sum + one * (b![i]! - a![i]!) ** 2, 0);
    const at = grid(9);
    for (const alpha of at) {
      expect(loss(alpha)).toBe((1 - alpha) * loss(0) + alpha * loss(1) - 0.5 * alpha * (1 - alpha) * bend);
    }
    const found = barriers(at, exact(at, loss), options);
    expect(pick(found, "chord")).toMatchObject({ height: { value: 0, low: 0, high: 0 }, at: 0 });
    const half = Math.abs(loss(0) - loss(1)) / 2;
    expect(pick(found, "mean")).toMatchObject({ height: { value: half, low: half, high: half }, at: 1 });
    expect(pick(found, "midpoint").height.value).toBe(-bend / 8);
  });

  test("a double well has barrier 1 by every definition (I.2)", () => {
    const at = grid(17);
    const found = barriers(
      at,
      exact(at, (alpha) => ((2 * alpha - 1) ** 2 - 1) ** 2),
      options,
    );
    for (const definition of ["chord", "mean", "midpoint"]) {
      expect(pick(found, definition)).toMatchObject({ height: { value: 1, low: 1, high: 1 }, at: 0.5 });
    }
    // Four images that are classified alike everywhere leave any error below 1 − 0.025^(1/4) open.
    expect(pick(found, "chord", "error").height).toMatchObject({ value: 0, low: 0, high: 1 - 0.025 ** 0.25 });
  });

  test("only what lies between the networks counts, in whatever order the points come", () => {
    const at = [1, -0.5, 0.5, 0, 1.5];
    const found = barriers(
      at,
      exact(at, (alpha) => (alpha === 0.5 ? 3 : alpha === 0 || alpha === 1 ? 1 : 1000)),
      options,
    );
    expect(pick(found, "mean")).toMatchObject({ height: { value: 2 }, at: 0.5 });
  });
});

describe("barriers", () => {
  test("are those of errors too, per definition; each split is named", () => {
    const rows = [
      [1, 1, 1, 1, 1, 1, 1, 0],
      [1, 1, 0, 0, 0, 0, 0, 0],
      [1, 1, 1, 1, 1, 1, 0, 0],
    ];
    const values = rows.map((row) => ({ losses: new Float32Array(8), correct: Uint8Array.from(row) }));
    const found = barriers([0, 0.5, 1], values, { ...options, split: "train" });
    expect(found.map((one) => `${one.definition} ${one.quantity}`)).toEqual([
      "chord loss",
      "mean loss",
      "midpoint loss",
      "chord error",
      "mean error",
      "midpoint error",
    ]);
    // Errors 1/8, 6/8, 2/8.
    for (const definition of ["chord", "mean", "midpoint"]) {
      expect(pick(found, definition, "error").height.value).toBe(0.75 - 1.5 / 8);
    }
    expect(new Set(found.map((one) => one.split))).toEqual(new Set(["train"]));
    expect(instability(found, "train")).toEqual(pick(found, "mean", "error").height);
    expect(() => instability(found)).toThrow("no mean barrier of the error on test images");
  });

  test("leave out the midpoint where ½ is missing, and losses where one is not a number", () => {
    const at = [0, 0.4, 1];
    const values = exact(at, () => 1);
    values[1]!.losses[2] = Number.NaN;
    expect(barriers(at, values, options).map((one) => `${one.definition} ${one.quantity}`)).toEqual([
      "chord error",
      "mean error",
    ]);
  });

  test("one image has no interval", () => {
    const found = barriers(
      [0, 1],
      exact([0, 1], () => 1, 1),
      options,
    );
    expect(found[0]!.height).toEqual({ value: 0, low: null, high: null });
  });

  test("are the same for a seed, and stop when told to", () => {
    const { at, values } = noisy(3, 50, 0.1);
    expect(barriers(at, values, options)).toEqual(barriers(at, values, options));
    expect(barriers(at, values, options)).not.toEqual(barriers(at, values, { ...options, seed: 2 }));
    const signal = AbortSignal.abort(new Error("enough"));
    expect(() => barriers(at, values, { ...options, signal })).toThrow("enough");
  });

  test("refuse a path without its ends, and values of other sizes", () => {
    const values = exact([0.1, 1], () => 1);
    expect(() => barriers([0.1, 1], values, options)).toThrow("a point at each, 0 and 1");
    expect(() => barriers([0, 0.9], values, options)).toThrow("a point at each, 0 and 1");
    expect(() => barriers([0, 0.5, 1], values, options)).toThrow("3 points has values at 2");
    expect(() => barriers([0, 1], [values[0]!, exact([0], () => 1, 9)[0]!], options)).toThrow(
      "4 at 0, but 9 losses",
    );
    expect(() =>
      barriers(
        [0, 1],
        exact([0, 1], () => 1, 0),
        options,
      ),
    ).toThrow("without images");
  });
});

/** A path with a bump of `height` at ½ and noise that differs by image and point. */
function noisy(seed: number, images: number, height: number): { at: number[]; values: PerImage[] } {
  const random = stream(seed, "noise", "noisy path");
  const at = grid(11);
  const base = Float64Array.from({ length: images }, () => Math.abs(random.normal()));
  const values = at.map((alpha) => ({
    losses: Float32Array.from(
      base,
      (one) => 1 + one + height * 4 * alpha * (1 - alpha) + 0.3 * random.normal(),
    ),
    correct: Uint8Array.from({ length: images }, () => (random.uniform() < 0.9 ? 1 : 0)),
  }));
  return { at, values };
}

describe("intervals", () => {
  test("at the midpoint agree with the normal approximation of a paired difference", () => {
    const { at, values } = noisy(11, 1000, 0.2);
    const found = pick(barriers(at, values, { ...options, resamples: 2000 }), "midpoint").height;
    const [a, half, b] = [0, 0.5, 1].map((alpha) => values[at.indexOf(alpha)]!.losses);
    const differences = Array.from(half!, (loss, i) => loss - (a![i]! + b![i]!) / 2);
    const mean = differences.reduce((x, y) => x + y) / 1000;
    const error = Math.sqrt(differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 999 / 1000);
    expect(found.value).toBeCloseTo(mean, 6);
    // A percentile of 2000 draws is known to a few percent of the standard error.
    expect(Math.abs(found.low! - (mean - 1.96 * error))).toBeLessThan(0.15 * error);
    expect(Math.abs(found.high! - (mean + 1.96 * error))).toBeLessThan(0.15 * error);
  });

  test("hold the true barrier in at least about 95 of 100 samples: none, and one of 0.3", () => {
    for (const height of [0, 0.3]) {
      let held = 0;
      const trials = 100;
      for (let seed = 0; seed < trials; seed++) {
        const { at, values } = noisy(seed, 100, height);
        const { low, high } = pick(barriers(at, values, { ...options, resamples: 200 }), "chord").height;
        if (low! <= height && height <= high!) held++;
      }
      // 90 of 100 is 2.3 standard errors below 95.
      expect(held, `height ${height}`).toBeGreaterThanOrEqual(90);
    }
  });
});

describe("few images", () => {
  /** `images` images; each is right at the ends, and wrong half-way with probability `error`. */
  function rare(seed: number, images: number, error: number): Barrier {
    const random = stream(seed, "noise", "rare", images);
    const point = (share: number): PerImage => ({
      losses: Float32Array.from({ length: images }, () => random.uniform()),
      correct: Uint8Array.from({ length: images }, () => (random.uniform() < share ? 0 : 1)),
    });
    return pick(barriers([0, 0.5, 1], [point(0), point(error), point(0)], options), "mean", "error");
  }

  test("a barrier of 5 points is not called excluded because none of them met it", () => {
    for (const images of [10, 20, 50]) {
      let connected = 0;
      for (let seed = 0; seed < 100; seed++) {
        const { height } = rare(seed, images, 0.05);
        if (verdict(height).says === "connected") connected++;
      }
      // Without the bound of Clopper and Pearson: 60, 33 and 7 of 100.
      expect(connected, `${images} images`).toBe(0);
    }
  });

  test("many images without a change do exclude it; so do copies, however few", () => {
    expect(verdict(rare(1, 200, 0).height).says).toBe("connected");
    expect(rare(1, 200, 0).height.high).toBeCloseTo(0.0183, 4);
    const copies = exact([0, 0.5, 1], () => 1).map((point, i) => ({
      ...point,
      losses: point.losses.map((loss) => loss * (1 + i * 1e-6)),
    }));
    for (const definition of ["mean", "midpoint"]) {
      const found = pick(barriers([0, 0.5, 1], copies, options), definition, "error");
      expect(found.height).toEqual({ value: 0, low: 0, high: 0 });
    }
  });

  test("half-way the interval has both ends", () => {
    const at = [0, 0.5, 1];
    const found = barriers(
      at,
      exact(at, (alpha) => alpha),
      options,
    );
    const open = 1 - 0.025 ** 0.25;
    expect(pick(found, "midpoint", "error").height).toEqual({ value: 0, low: -open, high: open });
  });
});

describe("verdict", () => {
  test.each([
    [{ value: 0.005, low: 0, high: 0.012 }, "connected"],
    [{ value: 0.3, low: 0.28, high: 0.33 }, "barrier"],
    [{ value: 0.02, low: 0.01, high: 0.03 }, "open"],
    [{ value: 0.02, low: 0.01, high: 0.02 }, "open"],
    [{ value: 0.3, low: null, high: null }, "open"],
  ] as const)("of %o is %s", (of, says) => {
    expect(verdict(of)).toEqual({ says, threshold: 0.02, of });
  });

  test("takes another threshold", () => {
    expect(verdict({ value: 0.3, low: 0.28, high: 0.33 }, 0.5).says).toBe("connected");
  });
});

describe("meanCurve", () => {
  test("has Student's interval for the loss and Wilson's for the accuracy", () => {
    const curve = meanCurve("test", [
      { losses: Float32Array.of(1, 2, 3, 4), correct: Uint8Array.of(1, 1, 1, 0) },
      { losses: Float32Array.of(1, Infinity, 3, 4), correct: Uint8Array.of(0, 0, 0, 0) },
    ]);
    expect(curve).toMatchObject({
      split: "test",
      images: 4,
      accuracy: [{ value: 0.75 }, { value: 0, low: 0 }],
    });
    // t(0.975; 3) = 3.182446, s = √(5/3), n = 4.
    expect(curve.loss[0]!.low).toBeCloseTo(2.5 - (3.182446 * Math.sqrt(5 / 3)) / 2, 5);
    expect(curve.loss[0]!.high).toBeCloseTo(2.5 + (3.182446 * Math.sqrt(5 / 3)) / 2, 5);
    expect(curve.loss[1]).toBeNull();
    // Wilson 3 of 4.
    expect(curve.accuracy[0]!.low).toBeCloseTo(0.30064, 4);
    expect(curve.accuracy[0]!.high).toBeCloseTo(0.95441, 4);
  });

  test("knows one image only as a value", () => {
    const one = [{ losses: Float32Array.of(0.5), correct: Uint8Array.of(1) }];
    expect(meanCurve("train", one).loss).toEqual([{ value: 0.5, low: null, high: null }]);
  });
});
