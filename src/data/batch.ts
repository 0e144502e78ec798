import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import { cropPadded } from "./transforms/crop.ts";
import { flipHorizontal } from "./transforms/flip.ts";
import { mixRows, mixShare } from "./transforms/mixup.ts";
import { normaliseImage } from "./transforms/normalise.ts";
import type { LoadedData, Split } from "./types.ts";

/** What is done to training images at random, anew each time they are shown. */
export interface Augmentation {
  /** Random crop from the image surrounded by this many pixels of black. */
  readonly crop?: number | undefined;
  /** Mirror left to right, half of the time. */
  readonly flip?: boolean | undefined;
  /** Parameter alpha of mixup's Beta(alpha, alpha); 0 or absent for none. */
  readonly mixup?: number | undefined;
}

/** How batches are made of a split. */
export interface BatchOptions {
  /** Images of a batch. */
  readonly batch: number;
  /** Seed of the stream "order". */
  readonly orderSeed: number;
  /** Seed of the stream "augmentation". 0 if absent. */
  readonly augmentationSeed?: number | undefined;
  readonly augment?: Augmentation | undefined;
}

/** The order of an epoch: a permutation of 0 … count−1 from the stream "order" of the seed. */
export function epochOrder(count: number, seed: number, epoch: number): Int32Array {
  return stream(seed, "order", epoch).permutation(count);
}

/**
 * Fills buffers with training batches. Row r of step t is image t · batch + r of the endless sequence of epochs, each
 * in its own order: every batch is full, and no image is left out or shown twice in an epoch, whatever the sizes.
 * Which random choices a row gets depends on (augmentationSeed, epoch, index of the image in the split) only, and
 * those of mixup on (augmentationSeed, t), so a resumed run sees the same bytes as one that never stopped.
 */
export class Batcher {
  readonly #data: LoadedData;
  readonly #split: Split;
  readonly #options: BatchOptions;
  readonly #image: Uint8Array;
  #scratch = new Float32Array(0);
  #order: Int32Array = new Int32Array(0);
  #orderOf = -1;

  /**
   * Batches of `split`, which is a split of `data` (normally `data.train`).
   * @throws {ScopeError} usage, for an empty split, a batch below 1, or augmentation of shuffled images
   */
  constructor(data: LoadedData, split: Split, options: BatchOptions) {
    const { batch, augment: { crop = 0, flip = false, mixup = 0 } = {} } = options;
    if (!Number.isInteger(batch) || batch < 1) {
      throw new ScopeError("usage", `batch: expected a whole number of images from 1, got ${batch}`);
    }
    if (split.count === 0)
      throw new ScopeError("usage", "there are no images to train on: the split is empty");
    if (!Number.isInteger(crop) || crop < 0 || !(mixup >= 0)) {
      throw new ScopeError(
        "usage",
        `augmentation: crop (${crop} pixels) and mixup (${mixup}) must not be negative`,
      );
    }
    if (data.shuffled && (crop > 0 || flip)) {
      throw new ScopeError("usage", "crop and flip have no meaning on shuffled images", {
        hint: "leave them out where shuffle is set, as the paper does",
      });
    }
    this.#data = data;
    this.#split = split;
    this.#options = options;
    this.#image = new Uint8Array(data.channels * data.height * data.width);
  }

  /** Steps in which every image is shown once; a fraction when the batch does not divide the split. */
  get stepsPerEpoch(): number {
    return this.#split.count / this.#options.batch;
  }

  /**
   * Writes the batch of step t (from 0): images [batch, channels, height, width], normalised, and targets
   * [batch, classes], one-hot or mixed as the images are.
   */
  fill(t: number, images: Float32Array, targets: Float32Array): void {
    const { batch, augment: { mixup = 0 } = {}, augmentationSeed = 0 } = this.#options;
    const classes = this.#data.classes.length;
    const size = this.#image.length;
    if (images.length !== batch * size || targets.length !== batch * classes) {
      throw new ScopeError(
        "bug",
        `internal: a batch of ${batch} needs ${batch * size} and ${batch * classes} numbers, ` +
          `the buffers have ${images.length} and ${targets.length}`,
      );
    }
    targets.fill(0);
    for (let row = 0; row < batch; row++) {
      const position = t * batch + row;
      const epoch = Math.floor(position / this.#split.count);
      const index = this.#orderIn(epoch)[position % this.#split.count]!;
      targets[row * classes + this.#split.labels[index]!] = 1;
      this.#write(epoch, index, images, row * size);
    }
    if (mixup > 0) {
      if (this.#scratch.length === 0)
        this.#scratch = new Float32Array(Math.max(images.length, targets.length));
      const random = stream(augmentationSeed, "augmentation", "mixup", t);
      const share = mixShare(mixup, random);
      const partner = random.permutation(batch);
      mixRows(images, batch, size, partner, share, this.#scratch);
      mixRows(targets, batch, classes, partner, share, this.#scratch);
    }
  }

  #orderIn(epoch: number): Int32Array {
    if (this.#orderOf !== epoch) {
      this.#order = epochOrder(this.#split.count, this.#options.orderSeed, epoch);
      this.#orderOf = epoch;
    }
    return this.#order;
  }

  /** One image, augmented as its epoch's random numbers say, at `at`. */
  #write(epoch: number, index: number, images: Float32Array, at: number): void {
    const { augment: { crop = 0, flip = false } = {}, augmentationSeed = 0 } = this.#options;
    const { normaliser } = this.#data;
    const start = index * this.#image.length;
    if (crop === 0 && !flip) return normaliseImage(this.#split.images, start, normaliser, images, at);
    const random = stream(augmentationSeed, "augmentation", epoch, index);
    const span = 2 * crop + 1;
    cropPadded(
      this.#split.images,
      start,
      this.#data,
      crop,
      random.below(span),
      random.below(span),
      this.#image,
    );
    if (flip && random.uniform() < 0.5) flipHorizontal(this.#image, this.#data);
    normaliseImage(this.#image, 0, normaliser, images, at);
  }
}

/** Images of a split in its order, to be looked at without augmentation. */
export interface ImageSource {
  readonly count: number;
  readonly labels: Int32Array;
  /** Writes images `from` … `from + count − 1`, normalised: into [at least count, channels, height, width]. */
  fill(into: Float32Array, from: number, count: number): void;
}

/** The images of `split`, a split of `data`, for evaluation. */
export function imageSource(split: Split, data: LoadedData): ImageSource {
  const size = data.channels * data.height * data.width;
  return {
    count: split.count,
    labels: split.labels,
    fill(into, from, count) {
      for (let row = 0; row < count; row++) {
        normaliseImage(split.images, (from + row) * size, data.normaliser, into, row * size);
      }
    },
  };
}
