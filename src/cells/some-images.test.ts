import { describe, expect, it } from "vitest";
import type { Split } from "../data/types.ts";
import { someImages } from "./some-images.ts";

/** A split of one-byte images whose bytes are their rows, modulo 256. */
function splitOf(labels: readonly number[]): Split {
  return {
    count: labels.length,
    images: Uint8Array.from(labels, (_, row) => row % 256),
    labels: Int32Array.from(labels),
  };
}

function perClass({ labels }: Split): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

describe("some images of a split", () => {
  it("are of all classes where classes come one after the other", () => {
    const sorted = splitOf(Array.from({ length: 1600 }, (_, i) => Math.floor(i / 200)));
    expect(perClass(someImages(sorted, 200))).toEqual({
      0: 25,
      1: 25,
      2: 25,
      3: 25,
      4: 25,
      5: 25,
      6: 25,
      7: 25,
    });
  });

  it("are of all classes where classes take turns", () => {
    const turns = splitOf(Array.from({ length: 1600 }, (_, i) => i % 8));
    for (const count of [100, 200, 400, 800]) {
      const counts = perClass(someImages(turns, count));
      expect(Object.keys(counts)).toHaveLength(8);
      for (const one of Object.values(counts))
        expect(Math.abs(one - count / 8)).toBeLessThan(4 * Math.sqrt(count / 8));
    }
    expect(someImages(turns, 200)).toEqual(someImages(turns, 200));
  });

  it("are different images, in the order of the set", () => {
    const turns = splitOf(Array.from({ length: 240 }, (_, i) => i % 8));
    const rows = [...someImages(turns, 120).images];
    expect(rows).toEqual([...new Set(rows)].toSorted((a, b) => a - b));
    expect(rows).toHaveLength(120);
  });

  it("are all of them when there are no more", () => {
    const split = splitOf([0, 1, 0]);
    expect(someImages(split, 5)).toBe(split);
  });
});
