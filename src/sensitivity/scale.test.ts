import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FlatLayout } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { fillNormals } from "./normals.ts";
import { moduleScale } from "./scale.ts";

const layout: FlatLayout = {
  names: ["w", "b", "m"],
  shapes: [[2, 2], [2], [2]],
  offsets: [0, 4, 6, 8],
  size: 8,
};
const initial = Float32Array.of(1, 2, 3, 4, 0, 0, 5, 5);
const final = Float32Array.of(2, 2, 2, 2, 1, -1, 6, 7);
const statistics = new Set(["m"]);

describe("moduleScale", () => {
  test("isotropic: one unit for all trainable numbers", () => {
    const scale = moduleScale(layout, initial, final, { noise: "isotropic", seed: 1, statistics });
    expect(scale.size).toBe(6);
    expect(scale.rms).toBeCloseTo(Math.sqrt(18 / 6), 12);
    expect(scale.distance).toBeCloseTo(Math.sqrt(1 + 0 + 1 + 4 + 1 + 1), 12);
    expect(scale.span).toBeCloseTo(8 / 3, 12);
    expect([...scale.sigmas]).toEqual([Math.sqrt(3), Math.sqrt(3), 0]);
  });

  test("per tensor: each has its own; span adds up", () => {
    const scale = moduleScale(layout, initial, final, { noise: "per-tensor", seed: 1, statistics });
    expect([...scale.sigmas]).toEqual([2, 1, 0]);
    expect(scale.span).toBeCloseTo(6 / 4 + 2 / 1, 12);
  });

  test("a tensor that ended at 0 takes the unit of its start; one that is 0 at both ends gets no noise", () => {
    const zero = new Float32Array(8);
    const gone = moduleScale(layout, initial, zero, { noise: "per-tensor", seed: 1, statistics });
    expect(gone.sigmas[0]).toBeCloseTo(Math.sqrt(30 / 4), 12);
    expect(gone.sigmas[1]).toBe(0);
    expect(gone.span).toBeCloseTo(4, 12);
    const never = moduleScale(layout, zero, zero, { noise: "isotropic", seed: 1 });
    expect([never.rms, never.distance, never.span]).toEqual([0, 0, 0]);
    const [z, into] = [new Float32Array(8), new Float32Array(8).fill(9)];
    never.draw(z, 0);
    never.place({ alpha: 0.5, ratio: 3 }, z, into);
    expect([...into]).toEqual([...zero]);
  });

  test("places: exactly initial at 0, exactly final at 1; statistics move and get no noise", () => {
    const scale = moduleScale(layout, initial, final, { noise: "isotropic", seed: 1, statistics });
    const [z, into] = [new Float32Array(8), new Float32Array(8)];
    scale.draw(z, 3);
    scale.place({ alpha: 0, ratio: 0 }, z, into);
    expect([...into]).toEqual([...initial]);
    scale.place({ alpha: 1, ratio: 0 }, z, into);
    expect([...into]).toEqual([...final]);
    scale.place({ alpha: 0.5, ratio: 0.1 }, z, into);
    expect(into[0]).toBeCloseTo(1.5 + 0.1 * Math.sqrt(3) * z[0]!, 6);
    expect([into[6], into[7]]).toEqual([5.5, 6]);
    const other = new Float32Array(8);
    scale.draw(other, 3);
    expect(other).toEqual(z);
    scale.draw(other, 4);
    expect(other).not.toEqual(z);
  });

  test("multiplying a tensor's weights leaves the per-tensor span as it is", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 10, noNaN: true }), (c) => {
        const times = (v: Float32Array) => v.map((x, i) => (i < 4 ? x * c : x));
        const options = { noise: "per-tensor", seed: 1, statistics } as const;
        const a = moduleScale(layout, initial, final, options).span;
        const b = moduleScale(layout, times(initial), times(final), options).span;
        expect(Math.abs(a - b)).toBeLessThan(1e-5 * a);
      }),
    );
  });
});

describe("fillNormals", () => {
  const z = new Float32Array(400_000);
  fillNormals(z, stream(7, "noise", "ziggurat"));

  test("has the moments of a standard normal", () => {
    const moment = (k: number): number => z.reduce((sum, x) => sum + x ** k, 0) / z.length;
    // Five standard errors of each moment at this many numbers.
    const se = 5 / Math.sqrt(z.length);
    expect(Math.abs(moment(1))).toBeLessThan(se);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(Math.sqrt(2) * se);
    expect(Math.abs(moment(3))).toBeLessThan(Math.sqrt(15) * se);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(Math.sqrt(96) * se);
  });

  test.each([
    [0.5, 0.6914624612740131],
    [1, 0.8413447460685429],
    [2, 0.9772498680518208],
    [3, 0.9986501019683699],
    [3.6, 0.9998408914098424],
  ])("is below %f as often as it should be, and so is its mirror image", (x, probability) => {
    const share = z.reduce((sum, one) => sum + (one < x ? 1 : 0), 0) / z.length;
    const mirrored = z.reduce((sum, one) => sum + (-one < x ? 1 : 0), 0) / z.length;
    const se = 5 * Math.sqrt((probability * (1 - probability)) / z.length);
    expect(Math.abs(share - probability)).toBeLessThan(se);
    expect(Math.abs(mirrored - probability)).toBeLessThan(se);
  });
});
