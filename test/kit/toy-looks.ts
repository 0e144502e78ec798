import { stream } from "../../src/base/random.ts";
import { controlled } from "../../src/sensitivity/control.ts";
import type { DrawLook, SampleOptions } from "../../src/sensitivity/sampling.ts";
import { sampleMap } from "../../src/sensitivity/sampling.ts";
import type { Place, SampledMap } from "../../src/sensitivity/types.ts";

/** A look from a function of place and draw; counts the pairs it was asked for. */
export function lookOf(
  excess: (place: Place, draw: number) => number,
): DrawLook & { readonly asked: Place[] } {
  const asked: Place[] = [];
  return {
    asked,
    look(draw, places) {
      asked.push(...places);
      const seen = Float32Array.from(places, (place) => excess(place, draw));
      return Promise.resolve({ excess: seen, lossExcess: seen.map((one) => 2 * one) });
    },
  };
}

/** Samples a map from a toy look, ready to be measured. */
export async function toyMap(look: DrawLook, options: SampleOptions): Promise<SampledMap> {
  const { span, block, images, alphas, ratios } = options;
  const places = await sampleMap(look, options);
  return controlled({ noise: "isotropic", span, block, images, alphas, ratios, places });
}

/** The noise of a draw: k independent normals, the same at all places. */
export function noiseOf(seed: number, draw: number, k: number): number[] {
  const random = stream(seed, "noise", draw);
  return Array.from({ length: k }, () => random.normal());
}

/** Φ(x), by a series (Marsaglia 2004, Journal of Statistical Software 11); absolute error below 1e-14. */
export function normalCumulative(x: number): number {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let [sum, term] = [x, x];
  for (let i = 3; Math.abs(term) > 1e-17 * Math.abs(sum) && i < 400; i += 2) {
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-(x * x) / 2 - 0.9189385332046727);
}
