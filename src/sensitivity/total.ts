import { maybeInfinite } from "./measures.ts";
import { ends, resampleMu, type Resampling } from "./resample.ts";
import type { MaybeInfinite, SampledMap } from "./types.ts";

/** Network criticality at one ε: the sum of its modules'. */
export interface Total extends MaybeInfinite {
  readonly epsilon: number;
  /** Names of modules whose μ is infinite, in the given order; then `value` is null. */
  readonly infinite: readonly string[];
}

/**
 * Network criticality, Σ μ over modules. The interval resamples draws for all modules together (draw s is on the same images
 * in all of them), so it is narrower than the sum of the modules' ends where they vary apart; its low end is of sums of
 * noise up to the next place not within ε, as `criticalityOf` has it for one module.
 * Source: Chatterji, Neyshabur and Sedghi 2020, arXiv:1912.00528.
 */
export function totalOf(
  modules: readonly { readonly name: string; readonly map: SampledMap }[],
  epsilon: number,
  options: Omit<Resampling, "part">,
): Total {
  const lows = new Float64Array(options.resamples);
  const highs = new Float64Array(options.resamples);
  const infinite: string[] = [];
  let [value, least] = [0, 0];
  for (const [part, { name, map }] of modules.entries()) {
    const one = resampleMu(map, epsilon, { ...options, part });
    value += one.value;
    least += one.leastValue;
    if (one.value === Infinity) infinite.push(name);
    for (let b = 0; b < options.resamples; b++) {
      lows[b]! += one.least[b]!;
      highs[b]! += one.seen[b]!;
    }
  }
  const { low, high } = ends(value, lows, highs);
  return { epsilon, ...maybeInfinite(value, Math.min(low, least), high), infinite };
}
