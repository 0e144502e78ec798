import { ScopeError } from "../base/error.ts";

// N: images; K: classes.

/** What every single prediction was like. From these all summaries and their intervals are made. Arrays [N]. */
export interface Outcomes {
  /** Softmax cross-entropy, nats. */
  readonly losses: Float64Array;
  /** 1 where the largest probability is the label's (the first of equal ones counts as the largest). */
  readonly correct: Uint8Array;
  /** Largest probability, in (0, 1]. */
  readonly confidence: Float64Array;
  /** Brier score: squared distance between probabilities and the one-hot label, in [0, 2]. */
  readonly brier: Float64Array;
}

/**
 * Looks at logits [N, K] against labels [N], in float64, by log-sum-exp.
 * Brier 1950 in its original form, a sum over all classes: 2 at worst, also for two classes.
 * @throws {ScopeError} data, when there are no images, sizes disagree or a label is no class; diverged, when a logit is not
 *   a finite number
 */
export function outcomes(
  logits: Float32Array | Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): Outcomes {
  const n = labels.length;
  if (n === 0) throw new ScopeError("data", "there are no images to judge predictions on");
  if (logits.length !== n * classes) {
    throw new ScopeError(
      "data",
      `${n} images of ${classes} classes need ${n * classes} logits, got ${logits.length}`,
    );
  }
  const losses = new Float64Array(n);
  const correct = new Uint8Array(n);
  const confidence = new Float64Array(n);
  const brier = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    const label = labels[row]!;
    const start = row * classes;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new ScopeError(
        "data",
        `image ${row} has label ${label}, the network tells ${classes} classes apart`,
      );
    }
    let top = -Infinity;
    let best = 0;
    for (let k = 0; k < classes; k++) {
      const value = logits[start + k]!;
      if (!Number.isFinite(value)) {
        throw new ScopeError("diverged", `image ${row} gets logits that are not numbers`);
      }
      if (value > top) {
        top = value;
        best = k;
      }
    }
    let sum = 0;
    let squares = 0;
    for (let k = 0; k < classes; k++) {
      const weight = Math.exp(logits[start + k]! - top);
      sum += weight;
      squares += weight * weight;
    }
    // Σ (p_k − y_k)² = Σ p_k² − 2 p_label + 1.
    const own = Math.exp(logits[start + label]! - top) / sum;
    losses[row] = Math.log(sum) + top - logits[start + label]!;
    correct[row] = best === label ? 1 : 0;
    confidence[row] = 1 / sum;
    brier[row] = squares / (sum * sum) - 2 * own + 1;
  }
  return { losses, correct, confidence, brier };
}
