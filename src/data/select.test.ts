import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawStratified, indicesOf, without, type Division } from "./select.ts";

/** Labels 0 … k−1 with the given counts, interleaved. */
function labelsOf(counts: readonly number[]): Int32Array {
  const left = [...counts];
  const labels: number[] = [];
  while (left.some((n) => n > 0)) {
    for (const k of left.keys()) {
      if (left[k]! > 0) {
        labels.push(k);
        left[k]! -= 1;
      }
    }
  }
  return Int32Array.from(labels);
}

function draw(
  labels: Int32Array,
  size: number,
  division: Division,
  seed = 0,
  candidates = Int32Array.from(labels.keys()),
): Int32Array {
  const classes = [...new Set(labels)].toSorted((a, b) => a - b);
  return drawStratified(labels, candidates, classes, size, division, seed, "subset", "train");
}

const perClass = (labels: Int32Array, drawn: Int32Array, k: number): number[] =>
  Array.from({ length: k }, (_, label) => drawn.filter((i) => labels[i] === label).length);

const cases = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 6 }).chain((counts) =>
  fc.record({
    counts: fc.constant(counts),
    size: fc.integer({ min: 0, max: counts.reduce((a, b) => a + b) }),
    seed: fc.nat(1000),
  }),
);

describe("drawing a stratified subset", () => {
  test("is balanced as far as classes go", () => {
    fc.assert(
      fc.property(cases, ({ counts, size, seed }) => {
        const labels = labelsOf(counts);
        const drawn = draw(labels, size, "balanced", seed);
        expect(drawn.length).toBe(size);
        expect(new Set(drawn).size).toBe(size);
        expect(drawn).toEqual(drawn.toSorted());
        const got = perClass(labels, drawn, counts.length);
        const most = Math.max(...got);
        // A class that has fewer than another, by more than the odd one, has given all it has.
        for (const [k, n] of got.entries()) if (n < most - 1) expect(n).toBe(counts[k]);
      }),
    );
  });

  test("proportional shares are within one image of the exact share", () => {
    fc.assert(
      fc.property(cases, ({ counts, size, seed }) => {
        const labels = labelsOf(counts);
        const drawn = draw(labels, size, "proportional", seed);
        expect(drawn.length).toBe(size);
        for (const [k, n] of perClass(labels, drawn, counts.length).entries()) {
          expect(Math.abs(n - (counts[k]! * size) / labels.length)).toBeLessThan(1);
        }
      }),
    );
  });

  test("a larger balanced subset of the same seed contains the smaller one", () => {
    fc.assert(
      fc.property(cases, ({ counts, size, seed }) => {
        const labels = labelsOf(counts);
        if (size === labels.length) return;
        const larger = new Set(draw(labels, size + 1, "balanced", seed));
        for (const index of draw(labels, size, "balanced", seed)) expect(larger.has(index)).toBe(true);
      }),
    );
  });

  test("same seed, same images; another seed, others", () => {
    const labels = labelsOf([50, 50]);
    expect(draw(labels, 10, "balanced", 3)).toEqual(draw(labels, 10, "balanced", 3));
    expect(draw(labels, 10, "balanced", 3)).not.toEqual(draw(labels, 10, "balanced", 4));
  });

  test("too many is refused with the number there is", () => {
    expect(() => draw(labelsOf([3, 3]), 7, "balanced")).toThrow(
      "train: 7 images are asked for, there are 6 to draw from",
    );
  });

  test("what is left after a draw is disjoint from it and complete", () => {
    const labels = labelsOf([5, 9, 2]);
    const all = Int32Array.from(labels.keys());
    const drawn = draw(labels, 7, "balanced");
    const rest = without(all, drawn);
    expect(Int32Array.from([...drawn, ...rest]).sort()).toEqual(all);
  });

  test("indices of classes are those of their labels", () => {
    expect(indicesOf(Int32Array.of(2, 0, 1, 2, 0), [2, 1])).toEqual(Int32Array.of(0, 2, 3));
  });
});
