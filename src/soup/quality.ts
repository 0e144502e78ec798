import type { Interval } from "../landscape/types.ts";
import { wilson } from "../tensor/intervals.ts";
import { meanInterval } from "../tensor/stats.ts";
import { calibrationError } from "./calibration.ts";
import { type Outcomes, outcomes } from "./outcomes.ts";

/** Quality of a network or an ensemble on some images. */
export interface Quality {
  /** Share classified correctly; Wilson's interval over images. */
  readonly accuracy: Interval;
  /** Mean cross-entropy, nats per image; Student's interval over images. */
  readonly loss: Interval;
  /** Expected calibration error, 15 equal-width bins of confidence (Guo 2017), in [0, 1]. */
  readonly ece: number;
  /** Mean Brier score over images, in [0, 2]. */
  readonly brier: number;
  /** Forward passes for one prediction. */
  readonly passes: number;
}

/**
 * Quality of logits [N, K] against labels [N]; `passes` networks were run for each prediction (1 unless told).
 * @throws {ScopeError} as `outcomes` does: data, diverged
 */
export function quality(
  logits: Float32Array | Float64Array,
  labels: ArrayLike<number>,
  classes: number,
  passes = 1,
): Quality {
  return summarise(outcomes(logits, labels, classes), passes);
}

/** The summary of single outcomes. */
export function summarise(found: Outcomes, passes = 1): Quality {
  const n = found.correct.length;
  let right = 0;
  let brier = 0;
  for (let i = 0; i < n; i++) {
    right += found.correct[i]!;
    brier += found.brier[i]!;
  }
  const losses = Array.from(found.losses);
  const loss = losses.reduce((sum, value) => sum + value, 0) / n;
  const interval = meanInterval(losses, 0.95);
  return {
    accuracy: { value: right / n, ...wilson(right, n) },
    loss: { value: loss, low: interval?.low ?? null, high: interval?.high ?? null },
    ece: calibrationError(found),
    brier: brier / n,
    passes,
  };
}
