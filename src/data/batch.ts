import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import { cropPadded } from "./transforms/crop.ts";
import { flipHorizontal } from "./transforms/flip.ts";
import { mixRows, mixShare } from "./transforms/mixup.ts";
import { normaliseImage } from "./transforms/normalise.ts";
import type { LoadedData, Split } from "./types.ts";

/** What is done to training images at random, anew in each epoch. */
export interface Augmentation {
  /** Random crop from the image surrounded by this many pixels of black. */
  readonly crop?: number | undefined;
  /** Mirror left to right, half of the time. */
  readonly flip?: boolean | undefined;
  /** Parameter alpha of mixup's Beta(alpha, alpha); 0 or absent for none. */
  readonly mixup?: number | undefined;
}

/** How an epoch is cut into batches. */
export interface BatchOptions {
  /** Images of a full batch. */
  readonly batch: number;
  /** Seed of the stream "order". */
  readonly orderSeed: number;
  /** Seed of the stream "augmentation". */
  readonly augmentationSeed?: number | undefined;
  readonly augment?: Augmentation | undefined;
  /**
   * The last batch of an epoch when the images do not fill it: "keep" it short (the default), "drop" it, or "wrap":
   * fill it from the beginning of the same epoch's order, so that every batch has `batch` rows.
   */
  readonly last?: "keep" | "drop" | "wrap" | undefined;
}

/** Fills the same buffers with one batch after another. Holds no state between calls: any step can be had at any time. */
export interface Batcher {
  readonly stepsPerEpoch: number;
  /** [batch, channels, height, width], normalised. */
  readonly x: Float32Array;
  /** [batch], class indices of the unmixed rows. */
  readonly labels: Int32Array;
  /** [batch, classes], one-hot, or mixed as the rows of `x` are. */
  readonly targets: Float32Array;
  /** Fills the buffers with step `step` of epoch `epoch` (both from 0); returns the number of rows filled. */
  fill(epoch: number, step: number): number;
}

/** The order of an epoch: a permutation of 0 … count−1 from the stream "order" of the seed. */
export function epochOrder(count: number, seed: number, epoch: number): Int32Array {
  return stream(seed, "order", epoch).permutation(count);
}

/**
 * A batcher over a split of loaded data. What random choices a row gets depends on (augmentationSeed, epoch, index of
 * the image in the split) only, and a batch's mixup on (augmentationSeed, epoch, step), so a resumed run sees the same
 * bytes as one that never stopped.
 * @throws {ScopeError} usage, for an empty split, a batch below 1, or augmentation of shuffled images
 */
export function createBatcher(data: LoadedData, split: Split, options: BatchOptions): Batcher {
  const { batch, orderSeed, augmentationSeed = 0, augment = {}, last = "keep" } = options;
  const { count } = split;
  const { crop = 0, flip = false, mixup = 0 } = augment;
  if (!Number.isInteger(batch) || batch < 1) {
    throw new ScopeError("usage", `batch: expected a whole number of images from 1, got ${batch}`);
  }
  if (count === 0) throw new ScopeError("usage", "there are no images to train on: the split is empty");
  if (last === "drop" && count < batch) {
    throw new ScopeError(
      "usage",
      `batches of ${batch} do not fit into ${count} images, and short ones are dropped`,
      {
        hint: `use a batch of at most ${count}`,
      },
    );
  }
  if (!Number.isInteger(crop) || crop < 0 || !(mixup >= 0)) {
    throw new ScopeError(
      "usage",
      `augmentation: crop (${crop} pixels) and mixup (${mixup}) must not be negative`,
    );
  }
  if (data.shuffled && (crop > 0 || flip)) {
    throw new ScopeError("usage", "augmentation by crop or flip has no meaning on shuffled images", {
      hint: "leave crop and flip out where shuffle is set, as the paper does",
    });
  }
  const classes = data.classes.length;
  const size = data.channels * data.height * data.width;
  const x = new Float32Array(batch * size);
  const labels = new Int32Array(batch);
  const targets = new Float32Array(batch * classes);
  const image = new Uint8Array(size);
  const scratch = mixup > 0 ? new Float32Array(Math.max(x.length, targets.length)) : undefined;
  const stepsPerEpoch = last === "drop" ? Math.floor(count / batch) : Math.ceil(count / batch);
  let order = new Int32Array(0);
  let orderOf = -1;

  function fill(epoch: number, step: number): number {
    if (!Number.isInteger(step) || step < 0 || step >= stepsPerEpoch) {
      throw new ScopeError("bug", `internal: step ${step} of an epoch of ${stepsPerEpoch} steps`);
    }
    if (orderOf !== epoch) {
      order = epochOrder(count, orderSeed, epoch) as Int32Array<ArrayBuffer>;
      orderOf = epoch;
    }
    const rows = last === "wrap" ? batch : Math.min(batch, count - step * batch);
    targets.fill(0);
    for (let row = 0; row < rows; row++) {
      const index = order[(step * batch + row) % count]!;
      const label = split.labels[index]!;
      labels[row] = label;
      targets[row * classes + label] = 1;
      if (crop === 0 && !flip) {
        normaliseImage(split.images, index * size, data.normaliser, x, row * size);
        continue;
      }
      const random = stream(augmentationSeed, "augmentation", epoch, index);
      const span = 2 * crop + 1;
      cropPadded(split.images, index * size, data, crop, random.below(span), random.below(span), image);
      if (flip && random.uniform() < 0.5) flipHorizontal(image, data);
      normaliseImage(image, 0, data.normaliser, x, row * size);
    }
    if (scratch !== undefined) {
      const random = stream(augmentationSeed, "augmentation", epoch, "mixup", step);
      const share = mixShare(mixup, random);
      const partner = random.permutation(rows);
      mixRows(x, rows, size, partner, share, scratch);
      mixRows(targets, rows, classes, partner, share, scratch);
    }
    return rows;
  }

  return { stepsPerEpoch, x, labels, targets, fill };
}

/**
 * Writes images `start` … `start + rows − 1` of a split, in the split's order, as normalised floats for evaluation.
 * out: [at least rows, channels, height, width].
 */
export function fillInputs(
  data: LoadedData,
  split: Split,
  start: number,
  rows: number,
  out: Float32Array,
): void {
  const size = data.channels * data.height * data.width;
  for (let row = 0; row < rows; row++) {
    normaliseImage(split.images, (start + row) * size, data.normaliser, out, row * size);
  }
}
