import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import { ends, resampleMu, type Resampling } from "./resample.ts";
import type { Interval, SampledMap } from "./types.ts";

/**
 * Kendall's τ-b, the rank correlation that allows for ties:
 *
 *   (concordant − discordant) / √((pairs − tied in x) · (pairs − tied in y))
 *
 * Infinity is allowed: above all numbers, tied with itself. Null when all of x or all of y are equal.
 * Source: Kendall 1945, Biometrika 33. Cost: square in the number of values.
 * @throws {ScopeError} bug, for different lengths or a value that is not a number
 */
export function kendall(x: readonly number[], y: readonly number[]): number | null {
  if (x.length !== y.length || [...x, ...y].some((one) => Number.isNaN(one))) {
    throw new ScopeError(
      "bug",
      `internal: Kendall's τ expected two lists of numbers, got ${x.length} and ${y.length}`,
    );
  }
  let [sum, inX, inY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const a = compare(x[i]!, x[j]!);
      const b = compare(y[i]!, y[j]!);
      sum += a * b;
      inX += a * a;
      inY += b * b;
    }
  }
  return inX === 0 || inY === 0 ? null : sum / Math.sqrt(inX * inY);
}

/** −1, 0 or 1; not by subtracting, which makes no number of two infinities. */
function compare(a: number, b: number): number {
  return a > b ? 1 : a < b ? -1 : 0;
}

/**
 * τ-b of depth with μ(ε) over a network's modules, its 95 % interval by resampling draws for all modules together. Infinite
 * criticalities are ties at the top. A resample in which all modules are equal counts as 0: no order. Null: all equal.
 *
 * @param maps one a module
 * @param depths parallel to `maps`
 */
export function orderOf(
  maps: readonly SampledMap[],
  depths: readonly number[],
  epsilon: number,
  options: Omit<Resampling, "part">,
): Interval | null {
  const all = maps.map((map, part) => resampleMu(map, epsilon, { ...options, part }));
  const value = kendall(
    depths,
    all.map((one) => one.value),
  );
  if (value === null) return null;
  const taus = Float64Array.from(
    { length: options.resamples },
    (_, b) =>
      kendall(
        depths,
        all.map(({ seen }) => seen[b]!),
      ) ?? 0,
  );
  return { value, ...ends(value, taus, taus) };
}

/**
 * τ-b of depth with the error of the network changed at one module, over modules; its 95 % interval by resampling images,
 * the same for all modules (Bayesian bootstrap, Rubin 1981: each image gets a weight from the exponential distribution).
 * Null: all equal, or no images.
 *
 * @param wrong by module: 1 where the changed network is wrong about an image, else 0 [images]; the same images in all
 * @param depths parallel to `wrong`
 */
export function orderOfErrors(
  wrong: readonly (Uint8Array | Float32Array)[],
  depths: readonly number[],
  { seed, resamples }: Omit<Resampling, "part">,
): Interval | null {
  const images = wrong[0]?.length ?? 0;
  if (images === 0) return null;
  if (wrong.some(({ length }) => length !== images)) {
    throw new ScopeError("bug", "internal: modules' errors are of different images");
  }
  const counts = wrong.map((one) => {
    let sum = 0;
    for (const each of one) sum += each;
    return sum;
  });
  const value = kendall(depths, counts);
  if (value === null) return null;
  const random = stream(seed, "bootstrap", "order", images);
  const weights = new Float64Array(images);
  const taus = new Float64Array(resamples);
  for (let b = 0; b < resamples; b++) {
    for (let i = 0; i < images; i++) weights[i] = -Math.log(1 - random.uniform());
    const errors = wrong.map((one) => {
      let sum = 0;
      for (let i = 0; i < images; i++) sum += weights[i]! * one[i]!;
      return sum;
    });
    taus[b] = kendall(depths, errors) ?? 0;
  }
  return { value, ...ends(value, taus, taus) };
}
