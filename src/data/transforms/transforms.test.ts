import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stream } from "../../base/random.ts";
import { cropPadded } from "./crop.ts";
import { flipHorizontal } from "./flip.ts";
import { toGrey, toRgb } from "./grey.ts";
import { mixRows, mixShare } from "./mixup.ts";
import { normaliseImage, normaliserOf } from "./normalise.ts";
import { resizePlanes } from "./resize.ts";
import { shuffleSources } from "./shuffle.ts";

const ramp = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 37 + 11) % 256);

describe("crop and flip", () => {
  test("a crop is a window of the image surrounded by black", () => {
    const shape = { channels: 2, height: 4, width: 5 };
    const image = ramp(40);
    const out = new Uint8Array(40);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.nat(), fc.nat(), (padding, a, b) => {
        const top = a % (2 * padding + 1);
        const left = b % (2 * padding + 1);
        cropPadded(image, 0, shape, padding, top, left, out);
        for (let i = 0; i < 40; i++) {
          const y = (Math.floor(i / 5) % 4) + top - padding;
          const x = (i % 5) + left - padding;
          const inside = y >= 0 && y < 4 && x >= 0 && x < 5;
          expect(out[i]).toBe(inside ? image[Math.floor(i / 20) * 20 + y * 5 + x] : 0);
        }
      }),
    );
  });

  test("flipping mirrors rows, and twice restores", () => {
    const image = Uint8Array.of(1, 2, 3, 4, 5, 6);
    flipHorizontal(image, { channels: 1, height: 2, width: 3 });
    expect(image).toEqual(Uint8Array.of(3, 2, 1, 6, 5, 4));
    flipHorizontal(image, { channels: 1, height: 2, width: 3 });
    expect(image).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
  });
});

describe("grey and colour", () => {
  test("luma of pure colours by ITU-R BT.601", () => {
    const images = Uint8Array.of(255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255);
    expect(toGrey(images, 4)).toEqual(Uint8Array.of(76, 150, 29, 255));
  });

  test("grey to colour and back changes nothing", () => {
    const grey = ramp(24);
    expect(toGrey(toRgb(grey, 12), 12)).toEqual(grey);
  });
});

describe("resizing", () => {
  test("halving averages squares of four, rounding halves up", () => {
    expect(resizePlanes(Uint8Array.of(1, 2, 3, 4, 10, 10, 20, 21), 2, 4, 1, 2, "stretch")).toEqual(
      Uint8Array.of(6, 12),
    );
  });

  test("three to two by area: thirds are shared", () => {
    // (2/3 · 0 + 1/3 · 90) / 1 … weights 1 and 1/2 of 1.5: (0 + 45) / 1.5 = 30 and (45 + 255) / 1.5 = 200.
    expect(resizePlanes(Uint8Array.of(0, 90, 255), 1, 3, 1, 2, "stretch")).toEqual(Uint8Array.of(30, 200));
  });

  test("doubling is bilinear between centres, edges held", () => {
    expect(resizePlanes(Uint8Array.of(0, 100), 1, 2, 1, 4, "stretch")).toEqual(Uint8Array.of(0, 25, 75, 100));
  });

  test("the same size is the same bytes, and a constant stays constant, whatever the sizes", () => {
    const size = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        size,
        fc.constantFrom("crop", "stretch"),
        fc.integer({ min: 0, max: 255 }),
        (h, w, toH, toW, fit, value) => {
          const image = ramp(h * w);
          expect(resizePlanes(image, h, w, h, w, fit)).toEqual(image);
          const flat = resizePlanes(new Uint8Array(h * w).fill(value), h, w, toH, toW, fit);
          expect(flat).toEqual(new Uint8Array(toH * toW).fill(value));
        },
      ),
    );
  });

  test("cropping keeps the centre of the longer side", () => {
    expect(resizePlanes(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 2, 4, 2, 2, "crop")).toEqual(
      Uint8Array.of(2, 3, 6, 7),
    );
  });

  test("padding surrounds with black, and shrinks only what does not fit", () => {
    expect(resizePlanes(Uint8Array.of(9), 1, 1, 3, 3, "pad")).toEqual(
      Uint8Array.of(0, 0, 0, 0, 9, 0, 0, 0, 0),
    );
    expect(resizePlanes(Uint8Array.of(8, 8, 4, 4), 1, 4, 2, 2, "pad")).toEqual(Uint8Array.of(8, 4, 0, 0));
  });
});

describe("mixup", () => {
  test("rows become shares of themselves and their partners", () => {
    const batch = Float32Array.of(1, 2, 10, 20, 100, 200);
    mixRows(batch, 3, 2, Int32Array.of(1, 2, 0), 0.75, new Float32Array(6));
    expect(batch).toEqual(Float32Array.of(3.25, 6.5, 32.5, 65, 75.25, 150.5));
  });

  test("shares are Beta(α, α): mean 1/2, variance 1/(4(2α + 1))", () => {
    for (const alpha of [0.2, 1, 3]) {
      const random = stream(1, "augmentation", "beta", alpha);
      const values = Array.from({ length: 20_000 }, () => mixShare(alpha, random));
      const mean = values.reduce((a, b) => a + b) / values.length;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
      // Five standard errors of a mean of 20,000 values with standard deviation below 1/2.
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.018);
      expect(Math.abs(variance - 1 / (4 * (2 * alpha + 1)))).toBeLessThan(0.005);
    }
  });
});

describe("normalisation", () => {
  const shape = { channels: 2, height: 1, width: 2 };

  test("subtracts the mean and divides by the standard deviation of the channel", () => {
    const out = new Float32Array(5);
    normaliseImage(Uint8Array.of(7, 0, 51, 102, 255), 1, normaliserOf(shape, [0.2, 0.5], [0.1, 0.5]), out, 1);
    for (const [i, value] of [0, -2, 0, -0.2, 1].entries()) expect(out[i]).toBeCloseTo(value, 5);
  });

  test("a channel that never varies is only centred", () => {
    const out = new Float32Array(4);
    normaliseImage(Uint8Array.of(51, 51, 51, 51), 0, normaliserOf(shape, [0.2, 0.2], [0, 0]), out, 0);
    for (const value of out) expect(value).toBeCloseTo(0, 6);
  });

  test("a shuffled image normalised is the normalised image shuffled, as the paper orders it", () => {
    const whole = { channels: 3, height: 4, width: 4 };
    const mean = [0.1, 0.5, 0.9];
    const std = [0.2, 0.3, 0.4];
    const image = ramp(48);
    for (const block of ["pixel", 1, 2] as const) {
      const from = shuffleSources(whole, block, 3);
      const first = new Float32Array(48);
      normaliseImage(image, 0, normaliserOf(whole, mean, std), first, 0);
      const second = new Float32Array(48);
      normaliseImage(
        Uint8Array.from(from, (i) => image[i]!),
        0,
        normaliserOf(whole, mean, std, from),
        second,
        0,
      );
      expect(second).toEqual(Float32Array.from(from, (i) => first[i]!));
    }
  });
});
