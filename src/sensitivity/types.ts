import type { Interval } from "../landscape/types.ts";

export type { Interval } from "../landscape/types.ts";

/**
 * How large the noise on a module is at ratio r.
 *
 * - isotropic: one σ for all its parameters, σ = r · rms(θ^F of the module); Chatterji, Neyshabur and Sedghi 2020,
 *   arXiv:1912.00528.
 * - per-tensor: σ_t = r · rms(θ^F_t) for each tensor t. A layer's weights may be multiplied by c and the next layer's
 *   divided by it without changing a ReLU network; this noise changes with them, the isotropic one does not.
 */
export type NoiseScale = "isotropic" | "per-tensor";

/** A place of a module's map: the other modules final, this one at (1 − α)·initial + α·final plus noise of ratio r. */
export interface Place {
  /** 0: initial weights, 1: final weights. */
  readonly alpha: number;
  /** Noise in units of the weights' root mean square; 0: none. */
  readonly ratio: number;
}

/**
 * What was seen at a place. One entry a draw: a noise vector of its own on a block of images of its own, both the same for
 * all places (common random numbers), each compared with the final network on the same block.
 */
export interface SampledPlace extends Place {
  /** Added around the minimum after the grid was done. */
  readonly refined: boolean;
  /** Error minus that of the final network, shares in [−1, 1]. */
  readonly excess: Float32Array;
  /** Cross-entropy minus that of the final network, nats; Infinity or NaN where it is not a number. */
  readonly lossExcess: Float32Array;
}

/** Everything that is known of one module after its map was made. */
export interface SampledMap {
  readonly noise: NoiseScale;
  /**
   * Squared distance from initial to final in units of the noise at ratio 1: ‖Δ‖²/rms² (isotropic), Σ_t ‖Δ_t‖²/rms_t²
   * (per tensor). So μ = min α² · span / r².
   */
  readonly span: number;
  /** Images in a draw's block. */
  readonly block: number;
  /** Images there are: beyond, blocks begin anew (with new noise). */
  readonly images: number;
  readonly alphas: readonly number[];
  /** Rising; 0 among them. */
  readonly ratios: readonly number[];
  readonly places: readonly SampledPlace[];
}

/** A place with its means. */
export interface MapCell extends Place {
  readonly refined: boolean;
  /** Noise draws, and images looked at. */
  readonly draws: number;
  readonly images: number;
  readonly excess: Interval;
  /** Null where the loss is not a finite number. */
  readonly lossExcess: Interval | null;
  /** Is the error within ε of the final network's? "open": the interval holds both answers. For the first ε. */
  readonly within: "yes" | "no" | "open";
}

/** A number that may be infinite (null): JSON has no infinity. */
export interface MaybeInfinite {
  readonly value: number | null;
  /** 95 %, by resampling draws; null: infinite. */
  readonly low: number | null;
  readonly high: number | null;
}

/** The largest noise a module takes at one α. */
export interface Edge {
  readonly alpha: number;
  /** Largest ratio looked at (refined ones too) such that it and all smaller ones are within ε on average; null: not even without noise. */
  readonly ratio: number | null;
  /** 95 %, by resampling draws; null: not even without noise. */
  readonly low: number | null;
  /** 95 %: the first ratio of the map that is not within ε; null: there is none on the map. */
  readonly high: number | null;
  /** Whether even the largest ratio of the map is within ε: the edge lies beyond. */
  readonly beyond: boolean;
}

/** Module criticality at one ε, from a map. */
export interface Criticality {
  /** Allowed excess of the error over the final network's, absolute share. */
  readonly epsilon: number;
  /**
   * μ(ε) = min over (α, σ) of α²‖θ^F − θ^0‖²/σ² subject to E[error] ≤ error of the final network + ε (Chatterji, Neyshabur and
   * Sedghi 2020). Of the best place seen: from above.
   */
  readonly mu: MaybeInfinite;
  /** KL(N(θ(α), σ²I) ‖ N(θ^0, σ²I)) = μ/2, nats. */
  readonly kl: MaybeInfinite;
  /** Where the minimum is; absent when nothing is within ε. */
  readonly at?: Place;
  /** Why μ is infinite, as a sentence without the module's name. */
  readonly reason?: string;
  /** The ball's radius at α = 1. */
  readonly radius: Edge;
  /** The same at every α of the grid: the ball along the path. */
  readonly edges: readonly Edge[];
}
