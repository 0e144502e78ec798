import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Batcher, epochOrder, imageSource, type BatchOptions } from "./batch.ts";
import { normaliserOf } from "./transforms/normalise.ts";
import type { LoadedData } from "./types.ts";

const shape = { channels: 2, height: 3, width: 4 };
const size = 24;

/** `count` images of three classes; the first byte of image i is i. Normalised to byte / 255. */
function dataOf(count: number, shuffled = false): LoadedData {
  const images = Uint8Array.from({ length: count * size }, (_, i) =>
    i % size === 0 ? i / size : (i * 31) % 251,
  );
  const train = { count, images, labels: Int32Array.from({ length: count }, (_, i) => i % 3) };
  const none = { count: 0, images: new Uint8Array(0), labels: new Int32Array(0) };
  const mean = [0, 0];
  const std = [1, 1];
  const normaliser = normaliserOf(shape, mean, std);
  return {
    ...shape,
    classes: ["a", "b", "c"],
    train,
    validation: none,
    test: none,
    mean,
    std,
    normaliser,
    shuffled,
    fingerprint: "",
  };
}

function fill(
  data: LoadedData,
  options: BatchOptions,
  t: number,
): { images: Float32Array; targets: Float32Array } {
  const images = new Float32Array(options.batch * size).fill(NaN);
  const targets = new Float32Array(options.batch * 3).fill(NaN);
  new Batcher(data, data.train, options).fill(t, images, targets);
  return { images, targets };
}

const shown = (images: Float32Array): number[] =>
  Array.from({ length: images.length / size }, (_, row) => Math.round(images[row * size]! * 255));

describe("batches", () => {
  test("show every image once an epoch, in the epoch's order, whatever the batch", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(1000),
        (count, batch, orderSeed) => {
          const data = dataOf(count);
          const steps = Math.ceil((3 * count) / batch);
          const seen = Array.from({ length: steps }, (_, t) =>
            shown(fill(data, { batch, orderSeed }, t).images),
          ).flat();
          const expected = [0, 1, 2].flatMap((epoch) => [...epochOrder(count, orderSeed, epoch)]);
          expect(seen.slice(0, 3 * count)).toEqual(expected);
        },
      ),
    );
  });

  test("epochs have different orders", () => {
    expect(epochOrder(50, 0, 0)).not.toEqual(epochOrder(50, 0, 1));
  });

  test("targets are one-hot and belong to their rows", () => {
    const { images, targets } = fill(dataOf(10), { batch: 7, orderSeed: 2 }, 4);
    for (const [row, index] of shown(images).entries()) {
      expect([...targets.subarray(row * 3, row * 3 + 3)]).toEqual(
        [0, 1, 2].map((k) => (k === index % 3 ? 1 : 0)),
      );
    }
  });

  test("a batcher opened at a later step writes the bytes of one that went all the way", () => {
    const data = dataOf(13);
    const options = {
      batch: 5,
      orderSeed: 1,
      augmentationSeed: 9,
      augment: { crop: 1, flip: true, mixup: 0.4 },
    };
    const one = new Batcher(data, data.train, options);
    const images = new Float32Array(5 * size);
    const targets = new Float32Array(15);
    for (let t = 0; t < 12; t++) {
      one.fill(t, images, targets);
      expect(fill(data, options, t)).toEqual({ images, targets });
    }
  });

  test("augmentation depends on seed, epoch and image, not on batch size", () => {
    const data = dataOf(8);
    const options = { orderSeed: 1, augmentationSeed: 5, augment: { crop: 1, flip: true } };
    const whole = fill(data, { ...options, batch: 8 }, 1).images;
    const halves = [2, 3].flatMap((t) => [...fill(data, { ...options, batch: 4 }, t).images]);
    expect(Float32Array.from(halves)).toEqual(whole);
    expect(fill(data, { ...options, augmentationSeed: 6, batch: 8 }, 1).images).not.toEqual(whole);
    expect(fill(data, { ...options, augment: {}, batch: 8 }, 1).images).not.toEqual(whole);
  });

  test("mixup keeps the weight of targets and the sum over a batch of inputs", () => {
    const data = dataOf(9);
    const plain = fill(data, { batch: 9, orderSeed: 1 }, 0);
    const mixed = fill(data, { batch: 9, orderSeed: 1, augment: { mixup: 1 } }, 0);
    expect(mixed.images).not.toEqual(plain.images);
    for (let row = 0; row < 9; row++) {
      expect(mixed.targets.subarray(row * 3, row * 3 + 3).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    }
    const total = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);
    expect(total(mixed.images)).toBeCloseTo(total(plain.images), 3);
  });

  test("refuse an empty split, a batch of none, wrong buffers, and crops of shuffled images", () => {
    expect(() => fill(dataOf(0), { batch: 1, orderSeed: 0 }, 0)).toThrow("the split is empty");
    expect(() => fill(dataOf(3), { batch: 0, orderSeed: 0 }, 0)).toThrow(
      "expected a whole number of images from 1, got 0",
    );
    expect(() => fill(dataOf(3, true), { batch: 1, orderSeed: 0, augment: { flip: true } }, 0)).toThrow(
      "shuffled images",
    );
    const data = dataOf(3);
    const batcher = new Batcher(data, data.train, { batch: 2, orderSeed: 0 });
    expect(() => batcher.fill(0, new Float32Array(size), new Float32Array(6))).toThrow(
      "a batch of 2 needs 48 and 6 numbers",
    );
  });
});

test("an image source gives images in the split's order", () => {
  const data = dataOf(6);
  const into = new Float32Array(3 * size);
  const source = imageSource(data.train, data);
  source.fill(into, 2, 3);
  expect(shown(into)).toEqual([2, 3, 4]);
  expect(source.labels).toBe(data.train.labels);
});
