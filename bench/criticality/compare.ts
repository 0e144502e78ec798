/**
 * What bench/criticality.ts concludes from measured times: how many times as fast, and where the factor comes from. Pure
 * arithmetic; every number that is not measured is a count times a measured rate.
 */
import { covariance, tQuantile } from "../../src/tensor/stats.ts";
import { type DrawSet, excessInterval } from "../../src/sensitivity/interval.ts";
import type { Place } from "../../src/sensitivity/types.ts";

/** How ours and the loop sample the same maps. */
export interface Sampling {
  readonly modules: number;
  /** Places of the grid with noise and without, of one module. */
  readonly noisy: number;
  readonly still: number;
  /** Images of the set, and of a block. */
  readonly images: number;
  readonly block: number;
  /** Noise draws of the loop at a place, each on all images. */
  readonly draws: number;
  /** Most draws of ours at a place, each on a block. */
  readonly maxDraws: number;
}

/** A module as ours ran it, on one core. */
export interface OursModule {
  readonly name: string;
  /** Blocks run through what comes after it, and through what comes before. */
  readonly looks: number;
  readonly computed: number;
  /** Seconds an image of the one and the other. */
  readonly after: number;
  readonly before: number;
}

/** A place looked at by the loop. */
export interface TheirPlace extends Place {
  readonly module: string;
  /** One entry a draw. */
  readonly seconds: readonly number[];
  readonly errors: readonly number[];
}

/** Image evaluations of the loop in all: without noise every draw is the same, so one is enough there. */
export function theirEvaluations({ modules, noisy, still, images, draws }: Sampling): number {
  return modules * (noisy * draws + still) * images;
}

/** Image evaluations of ours in one module if no place stopped early: as many draws at each as the most. */
export function fixedEvaluations({ noisy, still, images, block, maxDraws }: Sampling): number {
  return (noisy * maxDraws + still * Math.ceil(images / block)) * block;
}

/** The factor in all, and the factors it is the product of. */
export interface Factors {
  /** The loop's seconds over ours. */
  readonly total: number;
  /** Whole networks, one image each: the loop's seconds over ours. */
  readonly engine: number;
  /** The whole network at every place over what comes after the module, what comes before once a block. */
  readonly prefix: number;
  /** Image evaluations of the loop over ours with the most draws everywhere. */
  readonly blocks: number;
  /** Most draws everywhere over what was drawn. */
  readonly stop: number;
  /** Seconds that evaluations take by their rates over the seconds measured: below 1, the rest costs something. */
  readonly rest: number;
  /** The same evaluations by both, no credit for fewer: engine and prefix alone. */
  readonly alike: number;
}

/**
 * Factors on one core.
 * @param seconds of ours for all maps, sessions opened and all
 * @param theirs seconds of the loop for one image, its own share of setting weights and drawing noise included
 * @param whole seconds of ours for one image through the whole network, weights of one module as inputs
 */
export function factorsOf(
  sampling: Sampling,
  ours: readonly OursModule[],
  seconds: number,
  theirs: number,
  whole: number,
): Factors {
  const { block, images, draws } = sampling;
  const fixed = fixedEvaluations(sampling);
  const evaluations = theirEvaluations(sampling);
  const each = evaluations / ours.length;
  const sum = (of: (one: OursModule) => number): number => ours.reduce((total, one) => total + of(one), 0);
  const before = (one: OursModule): number => one.computed * block * one.before;
  const fixedSeconds = sum((one) => fixed * one.after + before(one));
  const lookSeconds = sum((one) => one.looks * block * one.after + before(one));
  // The very same evaluations: even if no activations were kept, all places of a draw would share them.
  const alikeSeconds = sum((one) => each * one.after + images * draws * one.before);
  const engine = theirs / whole;
  const prefix = (ours.length * fixed * whole) / fixedSeconds;
  return {
    total: (evaluations * theirs) / seconds,
    engine,
    prefix,
    blocks: evaluations / (ours.length * fixed),
    stop: fixedSeconds / lookSeconds,
    rest: lookSeconds / seconds,
    alike: (evaluations * theirs) / alikeSeconds,
  };
}

/** Half the width of the 95 % interval of the excess at a place, over draws, as the product makes it; 0 where it is exact. */
export function halfWidth(place: Place, values: readonly number[], set: DrawSet): number {
  const { low, high } = excessInterval(place, Float32Array.from(values), set);
  return (high! - low!) / 2;
}

/**
 * Draws, each on `images` images, that the loop needs at a place until its interval is no wider than `width` on either side,
 * by the spread that its draws there show: at least 2, which is the fewest an interval can be had from; 1 where there is no
 * noise.
 */
export function drawsFor(errors: readonly number[], images: number, width: number, most = 1000): number {
  if (errors.length < 2) return 1;
  const variance = covariance(errors, errors);
  // Student's quantile is above 1.95: no smaller number will do.
  let n = Math.max(2, Math.min(most, Math.floor((1.95 ** 2 * variance) / width ** 2)));
  const wide = (): number => Math.hypot(tQuantile(0.975, n - 1) * Math.sqrt(variance / n), 3 / (n * images));
  while (n < most && wide() > width) n++;
  return n;
}

/** The middle of a list; NaN of an empty one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) / 2;
  return sorted.length === 0 ? NaN : (sorted[Math.floor(at)]! + sorted[Math.ceil(at)]!) / 2;
}
