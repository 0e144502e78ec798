import type { Builder } from "../../graph/builder.ts";

/** A training loss, as nodes added to a graph. */
export interface Loss {
  readonly doc: string;
  /**
   * logits: [N, K]; targets: [N, K], a probability (or value) per class, so that soft labels (mixup) need nothing more.
   * Returns a scalar: the mean over the batch, in nats per example for the cross-entropies.
   */
  build(g: Builder, logits: string, targets: string, options: LossOptions): string;
}

export interface LossOptions {
  /** Share of the target moved evenly to all classes, in [0, 1). Only for softmax cross-entropy. */
  readonly labelSmoothing: number;
}
