import { ScopeError } from "../base/error.ts";
import type { Dataset, SetDefinition, Split } from "./types.ts";

/** An IDX file of bytes: its sizes and its numbers, row-major. */
export interface Idx {
  readonly sizes: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes (the format of MNIST: two zero bytes, type 8, number of axes, big-endian sizes,
 * numbers). Shares memory with `bytes`.
 * @throws {ScopeError} format, when the header is not one, or the length is not what the header promises
 */
export function parseIdx(bytes: Uint8Array, where: string): Idx {
  const axes = bytes[3] ?? 0;
  const start = 4 + 4 * axes;
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 8 || axes < 1 || axes > 4) {
    throw new ScopeError(
      "format",
      `${where}: not an IDX file of bytes (it should begin with 00 00 08 and 1 to 4 axes)`,
    );
  }
  if (bytes.length < start) throw new ScopeError("format", `${where}: the file ends inside its header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i));
  // At most 4 sizes below 2^32: the product may pass 2^53, but then it is far from any file's length all the same.
  const length = sizes.reduce((product, size) => product * size, 1);
  if (bytes.length - start !== length) {
    throw new ScopeError(
      "format",
      `${where}: the header promises ${sizes.join("×")} = ${length} bytes, the file holds ${bytes.length - start}`,
    );
  }
  return { sizes, data: bytes.subarray(start) };
}

/** A split from an IDX file of images [count, height, width] and one of labels [count]. */
function idxSplit(images: Idx, labels: Idx, set: SetDefinition, where: string): Split {
  const [count = 0, height, width] = images.sizes;
  if (images.sizes.length !== 3 || height !== set.height || width !== set.width) {
    throw new ScopeError(
      "format",
      `${where}: expected images of ${set.height}×${set.width}, found ${images.sizes.slice(1).join("×")}`,
    );
  }
  if (labels.sizes.length !== 1 || labels.sizes[0] !== count) {
    throw new ScopeError(
      "format",
      `${where}: ${count} images, but labels of sizes ${labels.sizes.join("×")}`,
    );
  }
  const bad = labels.data.findIndex((label) => label >= set.classes.length);
  if (bad >= 0) {
    throw new ScopeError(
      "data",
      `${where}: image ${bad} has label ${labels.data[bad]}, the set has ${set.classes.length} classes`,
    );
  }
  return { count, images: images.data.slice(), labels: Int32Array.from(labels.data) };
}

/** The four files of a set in MNIST's format. */
export interface IdxFiles {
  readonly trainImages: Uint8Array;
  readonly trainLabels: Uint8Array;
  readonly testImages: Uint8Array;
  readonly testLabels: Uint8Array;
}

/** A data set in MNIST's format. @throws {ScopeError} format or data, naming the set and the split */
export function idxDataset(set: SetDefinition, files: IdxFiles): Dataset {
  const read = (part: string, images: Uint8Array, labels: Uint8Array): Split =>
    idxSplit(
      parseIdx(images, `${set.name} ${part} images`),
      parseIdx(labels, `${set.name} ${part} labels`),
      set,
      `${set.name} ${part}`,
    );
  return {
    name: set.name,
    classes: set.classes,
    channels: 1,
    height: set.height,
    width: set.width,
    train: read("train", files.trainImages, files.trainLabels),
    test: read("test", files.testImages, files.testLabels),
  };
}
