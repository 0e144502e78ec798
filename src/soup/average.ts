import { ScopeError } from "../base/error.ts";

// P: numbers of a weight vector, the same for all networks that are averaged.

/**
 * What is done to an average before anything looks at it: re-estimating the statistics of its batch norm, say.
 * [P] → [P]. May return the vector it was given.
 */
export type Finish = (weights: Float32Array) => Promise<Float32Array>;

/** A mean that grows one network at a time, kept in float64; memory does not grow with the number of networks. */
export interface RunningMean {
  /** Networks in it, n. */
  readonly count: number;
  /** The mean itself [P], float64; shared, not a copy. Zero while `count` is 0. */
  readonly value: Float64Array;
  /** Takes a network in. @throws {ScopeError} shape, when it has another number of weights than the first */
  add(weights: Float32Array): void;
  /** The mean if `weights` were in it as well, rounded to float32; changes nothing. */
  with(weights: Float32Array): Float32Array;
  /** The mean, rounded to float32. */
  rounded(): Float32Array;
}

/**
 * An empty running mean of vectors [size].
 *
 *     s ← s + (w − s)/(n + 1)
 *
 * which is s·n/(n+1) + w/(n+1) with one rounding less; equal vectors have exactly themselves as mean. In float64 the
 * order in which networks come changes the mean by less than 1e-12 of the largest weight.
 * Source: Wortsman et al. 2022 (arXiv:2203.05482, released code), Izmailov et al. 2018 (arXiv:1803.05407, equation 2).
 */
export function runningMean(size: number): RunningMean {
  const value = new Float64Array(size);
  let count = 0;
  return {
    get count() {
      return count;
    },
    value,
    add(weights) {
      sameSize(weights, size);
      count++;
      for (let i = 0; i < size; i++) value[i]! += (weights[i]! - value[i]!) / count;
    },
    with(weights) {
      sameSize(weights, size);
      const next = new Float32Array(size);
      for (let i = 0; i < size; i++) next[i] = value[i]! + (weights[i]! - value[i]!) / (count + 1);
      return next;
    },
    rounded: () => Float32Array.from(value),
  };
}

/**
 * The uniform soup: the arithmetic mean of networks [P], summed in float64, rounded to float32 once. They may come from
 * a generator that reads one at a time. Averages everything in the vectors: running statistics of batch norm too, which
 * then describe no network; have them re-estimated before looking at it.
 * Source: Wortsman et al. 2022, arXiv:2203.05482, recipe 2.
 * @throws {ScopeError} data, without any network; shape, when their sizes differ
 */
export function uniform(vectors: Iterable<Float32Array>): Float32Array {
  return meanOf(vectors).rounded();
}

/** Which average over the moments of a run. */
export type MovingAverage =
  /** Stochastic weight averaging: all count alike. */
  | { readonly kind: "swa" }
  /** Exponential: a ← decay · a + (1 − decay) · w, starting at the first; decay in [0, 1). */
  | { readonly kind: "ema"; readonly decay: number };

/**
 * The average over weight vectors [P] of one run, earliest first, in float64, rounded to float32 once.
 * Source: swa: Izmailov et al. 2018, arXiv:1803.05407, algorithm 1 (every kept moment is one of its cycles).
 * ema: Polyak and Juditsky 1992, in the exponential form of common use.
 * Deviation: ema decays from one kept moment to the next, not from step to step: with moments kept every c steps, a
 * per-step decay d is d^c here.
 * @throws {ScopeError} data, without any vector; shape, when sizes differ; usage, for a decay outside [0, 1)
 */
export function movingAverage(vectors: Iterable<Float32Array>, options: MovingAverage): Float32Array {
  if (options.kind === "swa") return uniform(vectors);
  const { decay } = options;
  if (!(decay >= 0 && decay < 1)) {
    throw new ScopeError("usage", `moving average: expected a decay in [0, 1), got ${decay}`);
  }
  let value: Float64Array | undefined;
  for (const weights of vectors) {
    if (value === undefined) {
      value = Float64Array.from(weights);
      continue;
    }
    sameSize(weights, value.length);
    for (let i = 0; i < value.length; i++) value[i] = decay * value[i]! + (1 - decay) * weights[i]!;
  }
  if (value === undefined) throw nothing();
  return Float32Array.from(value);
}

/** Share of each of `count` moments in `movingAverage`, earliest first; they sum to 1. */
export function movingShares(count: number, options: MovingAverage): number[] {
  return Array.from({ length: count }, (_, i) => {
    if (options.kind === "swa") return 1 / count;
    return options.decay ** (count - 1 - i) * (i === 0 ? 1 : 1 - options.decay);
  });
}

function meanOf(vectors: Iterable<Float32Array>): RunningMean {
  let mean: RunningMean | undefined;
  for (const weights of vectors) {
    mean ??= runningMean(weights.length);
    mean.add(weights);
  }
  if (mean === undefined) throw nothing();
  return mean;
}

/** @throws {ScopeError} shape */
export function sameSize(weights: Float32Array, size: number): void {
  if (weights.length === size) return;
  throw new ScopeError("shape", `networks to average have ${size} weights, found one with ${weights.length}`);
}

function nothing(): ScopeError {
  return new ScopeError("data", "there is no network to average");
}
