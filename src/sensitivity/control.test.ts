import { describe, expect, test } from "vitest";
import { controlled, controlledDraws, controlsOf } from "./control.ts";
import { meanOf } from "./interval.ts";
import type { SampledPlace } from "./types.ts";

const set = { block: 10, images: 40 };
const place = (
  alpha: number,
  ratio: number,
  excess: readonly number[],
  lossExcess: readonly number[] = excess,
): SampledPlace => ({
  alpha,
  ratio,
  refined: false,
  excess: Float32Array.from(excess),
  lossExcess: Float32Array.from(lossExcess),
});
const [low, high] = [
  [0, 0.1, 0.2, 0.5],
  [0.4, 0, 0.3, 0.1],
];
const still = [place(0, 0, low), place(1, 0, high)];

describe("places without noise as controls", () => {
  test("take out what a block brings and put back what all blocks do; beyond a pass blocks begin anew", () => {
    // Noise adds 0.05 on the first pass over the blocks and 0.07 on the second.
    const noisy = [...low.map((one) => one + 0.05), ...low.slice(0, 2).map((one) => one + 0.07)];
    const { excess } = controlledDraws(place(0, 0.3, noisy), controlsOf(still, set)(0));
    const mean = 0.2;
    [0.05, 0.05, 0.05, 0.05, 0.07, 0.07].forEach((more, s) => expect(excess[s]).toBeCloseTo(mean + more, 6));
  });

  test("between two α are mixed by distance", () => {
    const mixed = low.map((one, s) => 0.75 * one + 0.25 * high[s]!);
    const { excess } = controlledDraws(
      place(
        0.25,
        0.3,
        mixed.map((one) => one + 0.01),
      ),
      controlsOf(still, set)(0.25),
    );
    for (const one of excess) expect(one).toBeCloseTo(0.75 * 0.2 + 0.25 * 0.2 + 0.01, 6);
  });

  test("leave the mean over a whole pass as it is, whatever the draws: nothing is biased, mixed or not", () => {
    const draws = [0.3, -0.1, 0.7, 0.05];
    for (const alpha of [0, 0.4, 1]) {
      const { excess, lossExcess } = controlledDraws(place(alpha, 1, draws), controlsOf(still, set)(alpha));
      expect(meanOf(excess)).toBeCloseTo(0.2375, 6);
      expect(meanOf(lossExcess)).toBeCloseTo(0.2375, 6);
    }
  });

  test("are none when not every block was looked at, beyond the outermost α, or where a loss is no number", () => {
    const controlAt = controlsOf(
      [place(0.2, 0, low.slice(0, 3)), place(0.4, 0, low), place(1, 0, high)],
      set,
    );
    expect(controlAt(0.2)).toBeUndefined();
    expect(controlAt(0.3)).toBeUndefined();
    const infinite = controlsOf([place(0, 0, low, [0, Infinity, 0, 0])], set)(0);
    const { excess, lossExcess } = controlledDraws(place(0, 1, low, [1, 2]), infinite);
    expect(meanOf(excess)).toBeCloseTo(0.2, 6);
    expect([...lossExcess]).toEqual([1, 2]);
  });

  test("stay as they are themselves", () => {
    const map = controlled({
      noise: "isotropic",
      span: 1,
      ...set,
      alphas: [0, 1],
      ratios: [0],
      places: still,
    });
    expect(map.places).toEqual(still);
  });
});
