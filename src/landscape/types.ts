/** Which images a number is of. */
export type Split = "train" | "test";

/** A number with its 95 % confidence interval; null where none can be had. What is resampled is said beside it. */
export interface Interval {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** Loss and accuracy at the points of a path, on one split; arrays parallel to `Path.at`. */
export interface Curve {
  readonly split: Split;
  /** Images looked at. */
  readonly images: number;
  /** Mean cross-entropy, nats per image; null where it is not a number (far extrapolation). Student's interval. */
  readonly loss: readonly (Interval | null)[];
  /** Share classified correctly, in [0, 1]. Wilson's interval. */
  readonly accuracy: readonly Interval[];
}

/**
 * The four conventions in circulation. chord: sup of the path over the chord between its ends, ≥ 0 (Neyshabur 2020,
 * Entezari 2021). mean: sup of the path over the mean of its ends (Frankle 2020; on error: instability). midpoint: the
 * value at ½ over the mean of the ends (loss: REPAIR; accuracy: Entezari's code). All only over α in [0, 1].
 */
export type BarrierDefinition = "chord" | "mean" | "midpoint";

export interface Barrier {
  readonly definition: BarrierDefinition;
  /** loss in nats; error (1 − accuracy) as a share. Positive: the path is worse than its ends. */
  readonly quantity: "loss" | "error";
  readonly split: Split;
  /** Interval: bootstrapped over images. */
  readonly height: Interval;
  /** α of the highest point. */
  readonly at: number;
}

/** Is there a barrier? By the error barrier (mean definition) on test images against a threshold. */
export interface Verdict {
  /** "connected": interval below the threshold; "barrier": above; "open": the interval includes it. */
  readonly says: "connected" | "barrier" | "open";
  readonly threshold: number;
  readonly of: Interval;
}

/** What a network does on every image at one point of weight space. */
export interface PerImage {
  /** Cross-entropy of each image, nats; may hold Infinity or NaN at a far point. */
  readonly losses: Float32Array;
  /** 1 where the prediction was right, else 0. */
  readonly correct: Uint8Array;
}

/** What a network does on a set of images at one point of weight space. */
export interface PointValues extends PerImage {
  /** Mean cross-entropy, nats per image; null when some image's is not a finite number. */
  readonly loss: number | null;
  /** Share classified correctly, in [0, 1]. */
  readonly accuracy: number;
}
