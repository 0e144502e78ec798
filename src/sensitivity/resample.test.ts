import { expect, test } from "vitest";
import { studentHalf } from "./interval.ts";
import { resamplePlaces } from "./resample.ts";

test("resampled means spread as Student's t says of so few draws: half an interval is 1.96 of their deviations", () => {
  for (const draws of [
    [0.1, 0.2, 0.4, 0.05],
    [0, 0, 0.1, 0.3, 0.2, 0.1, 0, 0.4],
  ]) {
    const excess = Float32Array.from(draws);
    const map = {
      noise: "isotropic" as const,
      span: 1,
      // So many images that a rate never seen adds nothing.
      block: 1e9,
      images: 1e9,
      alphas: [1],
      ratios: [0.1],
      places: [{ alpha: 1, ratio: 0.1, refined: false, excess, lossExcess: excess }],
    };
    const means: number[] = [];
    resamplePlaces(map, { seed: 1, resamples: 8000 }, ([mean]) => means.push(mean!));
    const middle = draws.reduce((sum, one) => sum + one, 0) / draws.length;
    const deviation = Math.sqrt(means.reduce((sum, one) => sum + (one - middle) ** 2, 0) / means.length);
    expect((1.96 * deviation) / studentHalf(excess)!).toBeGreaterThan(0.95);
    expect((1.96 * deviation) / studentHalf(excess)!).toBeLessThan(1.05);
  }
});
