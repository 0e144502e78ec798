/** How one image was classified. */
export interface Score {
  /** Softmax cross-entropy, nats; not a number where a logit is not, or where the largest overflowed. */
  readonly loss: number;
  /** Whether the largest logit is the label's. An image whose loss is not a number counts as wrong. */
  readonly correct: boolean;
}

/**
 * Cross-entropy and correctness of the row of logits z[start … start + classes), by log-sum-exp; the first of equal
 * maxima is the prediction.
 */
export function score(z: Float32Array, start: number, classes: number, label: number): Score {
  let best = 0;
  let top = -Infinity;
  for (let k = 0; k < classes; k++) {
    const value = z[start + k]!;
    if (value > top) {
      top = value;
      best = k;
    }
  }
  let sum = 0;
  for (let k = 0; k < classes; k++) sum += Math.exp(z[start + k]! - top);
  const loss = Math.log(sum) + top - z[start + label]!;
  return { loss, correct: best === label && !Number.isNaN(loss) };
}
