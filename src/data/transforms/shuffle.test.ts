import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { blockSizes, invert, shuffleImages, shuffleSources } from "./shuffle.ts";

const shapes = fc
  .record({
    channels: fc.constantFrom(1, 3),
    rows: fc.integer({ min: 1, max: 4 }),
    columns: fc.integer({ min: 1, max: 4 }),
    block: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ channels, rows, columns, block }) => ({
    shape: { channels, height: rows * block, width: columns * block },
    block,
  }));
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe("block shuffle", () => {
  test("is a bijection, and its inverse restores every image", () => {
    fc.assert(
      fc.property(
        shapes,
        seeds,
        fc.boolean(),
        fc.uint8Array({ minLength: 600, maxLength: 600 }),
        ({ shape, block }, seed, pixel, bytes) => {
          const from = shuffleSources(shape, pixel ? "pixel" : block, seed);
          const size = shape.channels * shape.height * shape.width;
          expect(from.length).toBe(size);
          expect(from.toSorted()).toEqual(Int32Array.from({ length: size }, (_, i) => i));
          const images = bytes.slice(0, Math.min(2, Math.floor(600 / size)) * size);
          const shuffled = shuffleImages(images, from);
          expect(shuffled.toSorted()).toEqual(images.toSorted());
          expect(shuffleImages(shuffled, invert(from))).toEqual(images);
        },
      ),
    );
  });

  test("moves all channels of a block together, and the pixels of a block rigidly", () => {
    fc.assert(
      fc.property(shapes, seeds, ({ shape, block }, seed) => {
        const from = shuffleSources(shape, block, seed);
        const plane = shape.height * shape.width;
        for (let i = 0; i < plane; i++) {
          for (let c = 0; c < shape.channels; c++) expect(from[c * plane + i]).toBe(c * plane + from[i]!);
          const y = Math.floor(i / shape.width);
          const x = i % shape.width;
          const corner = from[(y - (y % block)) * shape.width + x - (x % block)]!;
          expect(from[i]).toBe(corner + (y % block) * shape.width + (x % block));
        }
      }),
    );
  });

  test("of a block as large as the image moves nothing", () => {
    const from = shuffleSources({ channels: 3, height: 8, width: 8 }, 8, 5);
    expect(from).toEqual(Int32Array.from({ length: 192 }, (_, i) => i));
  });

  test("by pixels carries values across channels, blocks of one pixel do not", () => {
    const shape = { channels: 3, height: 8, width: 8 };
    const crosses = (from: Int32Array) =>
      from.some((source, i) => Math.floor(source / 64) !== Math.floor(i / 64));
    expect(crosses(shuffleSources(shape, "pixel", 0))).toBe(true);
    expect(crosses(shuffleSources(shape, 1, 0))).toBe(false);
  });

  test("depends on the seed and on nothing else", () => {
    const shape = { channels: 3, height: 16, width: 16 };
    expect(shuffleSources(shape, 4, 1)).toEqual(shuffleSources(shape, 4, 1));
    expect(shuffleSources(shape, 4, 1)).not.toEqual(shuffleSources(shape, 4, 2));
    // Pinned: results of different versions must be comparable.
    const blocks = shuffleSources({ channels: 1, height: 6, width: 6 }, 2, 7);
    expect([...blocks].slice(0, 12)).toEqual([26, 27, 24, 25, 0, 1, 32, 33, 30, 31, 6, 7]);
    const scalars = shuffleSources({ channels: 1, height: 2, width: 4 }, "pixel", 7);
    expect([...scalars]).toEqual([5, 0, 2, 4, 1, 3, 7, 6]);
  });

  test("refuses a block that does not divide the image and names those that do", () => {
    expect(() => shuffleSources({ channels: 3, height: 32, width: 32 }, 5, 0)).toThrow(
      expect.objectContaining({
        fault: "usage",
        message: "shuffle: blocks of 5 pixels do not divide an image of 32×32",
        hint: 'block sizes that do: 32, 16, 8, 4, 2, 1, or "pixel"',
      }),
    );
    expect(blockSizes({ channels: 1, height: 12, width: 18 })).toEqual([6, 3, 2, 1]);
  });
});
