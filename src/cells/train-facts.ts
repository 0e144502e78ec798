/** What a training cell leaves behind besides its weights and metrics. */
export interface TrainResult {
  /** Share of the evaluated split classified correctly, in [0, 1]. */
  readonly accuracy: number;
  /** Mean cross-entropy on that split, nats per image. */
  readonly loss: number;
  readonly images: number;
  readonly steps: number;
  readonly trainImages: number;
  readonly parameters: number;
  readonly classes: readonly string[];
  /** SHA-256 of the prepared data that was used. */
  readonly data: string;
  /**
   * Steps known to have gone well before the loss stopped being a number, in a cell that records this instead of failing.
   * `accuracy` is then 0, `loss` that of the last look, and there are no weights.
   */
  readonly divergedAfter?: number;
}

/** One look at the network along training, a line of metrics.jsonl. */
export interface TrainLook {
  readonly step: number;
  /** Mean training loss since the look before (nats per image); absent at step 0. */
  readonly trainLoss?: number;
  readonly loss: number;
  readonly accuracy: number;
}
