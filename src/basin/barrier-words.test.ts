import { describe, expect, test } from "vitest";
import { verdict } from "../landscape/barriers.ts";
import { barrierWords, says, type Told } from "./barrier-words.ts";
import type { Barrier, Interval, Kinship, Pair, Path, Treatment } from "./results.ts";

const at = [0, 0.5, 1];
const plain: Treatment = { align: "none", curve: "linear", statistics: "none", repair: false };

function interval(value: number, half: number): Interval {
  return { value, low: Math.max(0, value - half), high: value + half };
}

interface Rise {
  /** Error over the mean of the ends, and over the chord (the same unless told). */
  readonly error: number;
  readonly chord?: number;
  readonly half?: number;
  readonly treatment?: Partial<Treatment>;
  /** Accuracy at both ends. */
  readonly ends?: readonly [number, number];
}

function path({ error, chord = error, half = 0.005, treatment = {}, ends = [0.9, 0.9] }: Rise): Path {
  const accuracy = [ends[0], (ends[0] + ends[1]) / 2 - error, ends[1]].map((value) => interval(value, 0.01));
  const one = (definition: Barrier["definition"], value: number): Barrier => ({
    definition,
    quantity: "error",
    split: "test",
    height: interval(value, half),
    at: 0.5,
  });
  return {
    treatment: { ...plain, ...treatment },
    at,
    curves: [{ split: "test", images: 1000, loss: [null, null, null], accuracy }],
    barriers: [one("mean", error), one("chord", chord)],
  };
}

function pair(rises: readonly Rise[], more: Partial<Pair> = {}): Pair {
  const paths = rises.map(path);
  const of = paths.at(-1)!.barriers[0]!.height;
  return {
    a: 0,
    b: 1,
    distance: 3,
    relativeDistance: 1,
    paths,
    verdict: { says: says(of, 0.02), threshold: 0.02, of },
    ...more,
  };
}

function told(pairs: readonly Pair[], more: Partial<Told> = {}): Told {
  const names = ["A", "B", "C"].slice(0, pairs.length === 1 ? 2 : 3);
  return {
    models: names.map((name) => ({ name, cell: name, parameters: 10 })),
    typed: names.map((name) => `${name}.onnx`),
    pairs,
    basins: [names.map((_, i) => i)],
    threshold: 0.02,
    classes: 10,
    images: { train: 0, test: 1000 },
    available: 1000,
    renormalized: 0,
    batchNorm: false,
    ...more,
  };
}

const words = (rises: readonly Rise[], more: Partial<Pair> = {}, rest: Partial<Told> = {}): string =>
  barrierWords(told([pair(rises, more)], rest)).join("\n");

describe("a pair", () => {
  test("one basin: says so, with the interval, and how to average", () => {
    expect(words([{ error: 0.004, half: 0.004 }])).toBe(
      [
        "A and B lie in one basin: on the straight line between them the test error rises at most 0.4 points above their mean (95 % interval 0.0 to 0.8, over 1,000 test images).",
        "That is less than the threshold of 2 points: averaging them is safe on this data (transferscope soup A.onnx B.onnx).",
      ].join("\n"),
    );
  });

  test.each<[Kinship | undefined, RegExp]>([
    ["different init", /different random weights, which is the usual cause of a barrier/],
    ["same weights", /trained on from the same weights, so the training since then took them apart/],
    ["pretrained and scratch", /One was fine-tuned from trained weights/],
  ])(
    "a barrier between networks of kinship %s names the likely cause and the next step",
    (kinship, cause) => {
      const text = words([{ error: 0.4 }], kinship === undefined ? {} : { kinship });
      expect(text).toMatch(
        /^A barrier of 40 points of test error stands between A and B \(95 % interval 39\.5 to 40\.5, over/,
      );
      expect(text).toContain("Half-way 50.0 % is classified correctly, by A 90.0 %, by B 90.0 %");
      expect(text).toMatch(cause);
      expect(text).toContain("Next: --align weights");
    },
  );

  test("no cause is named where the store knows none", () => {
    expect(words([{ error: 0.4 }])).not.toMatch(/random weights|cause/);
  });

  test("open: nothing is claimed, more images are proposed where there are some", () => {
    const rise = { error: 0.02, half: 0.01 };
    expect(words([rise], {}, { available: 9000 })).toMatch(
      /^Whether a barrier stands between A and B is open: .*\n.*\. More images narrow the interval: --test-images 9000\.$/,
    );
    expect(words([rise])).toContain("All test images were used");
    expect(words([rise])).not.toMatch(/average|Next/);
  });

  test("unlike ends are not called a bump", () => {
    const text = words([{ error: 0.2, chord: 0.001, ends: [0.9, 0.5] }]);
    expect(text).toContain("That is no bump, but the unlike quality of the ends");
  });

  test("the same weights: a barrier of 0", () => {
    expect(words([{ error: 0 }], { distance: 0 })).toBe(
      "A and B hold the same weights: nothing lies between them, and the barrier is 0.",
    );
  });

  test("alignment that removes the barrier is told as the part it explains, with its proof", () => {
    const text = words([{ error: 0.4 }, { error: 0.004, half: 0.004, treatment: { align: "weights" } }], {
      proof: 3e-7,
      symmetry: { spaces: 2, units: 100, unproved: ["3 positions stay in place (x): why."] },
    });
    expect(text).toContain(
      "After permuting B's units (weight matching) 0.4 points (95 % interval 0.0 to 0.8) remain, under the threshold of 2 points: permutation symmetry explains 99 % of the barrier.",
    );
    expect(text).toContain("differ by at most 3e-7 of the largest");
    expect(text).toContain("3 positions stay in place (x): why.");
    expect(text).toContain("transferscope align A.onnx B.onnx --out moved.onnx");
  });

  test("overlapping intervals: no difference is claimed", () => {
    const text = words([
      { error: 0.4, half: 0.05 },
      { error: 0.36, half: 0.05, treatment: { align: "weights" } },
    ]);
    expect(text).toContain("Permuting B's units (weight matching) made no difference that could be shown");
    expect(text).not.toContain("explains");
    expect(text).toContain("Next: --repair");
  });

  test("a treatment that makes it worse is said to", () => {
    expect(words([{ error: 0.3 }, { error: 0.4, treatment: { align: "weights" } }])).toContain(
      "made it worse: 40.0 points",
    );
  });

  test("REPAIR is measured against the aligned path, and the ensemble is what is left", () => {
    const text = words([
      { error: 0.4 },
      { error: 0.3, treatment: { align: "weights" } },
      { error: 0.1, treatment: { align: "weights", repair: true } },
    ]);
    expect(text).toContain("permutation symmetry explains 25 % of the barrier");
    expect(text).toMatch(/\(REPAIR\) 10\.0 points .* remain: the lost spread explains 67 % of the barrier/);
    expect(text).toContain("average their logits");
  });

  test("a curved path is no licence to average", () => {
    const text = words([{ error: 0.4 }, { error: 0.004, half: 0.004, treatment: { curve: "bezier" } }]);
    expect(text).toContain("A curved path joins them");
    expect(text).toContain("A straight average of the two is still no good");
  });

  test("of a curve, too, the statistics that were estimated anew count", () => {
    const text = words([
      { error: 0.4, treatment: { statistics: "re-estimated" } },
      { error: 0.5, treatment: { curve: "bezier", statistics: "interpolated" } },
      { error: 0.004, half: 0.004, treatment: { curve: "bezier", statistics: "re-estimated" } },
    ]);
    expect(text).toContain("A curved path joins them");
  });

  test("stale statistics are told apart from the barrier itself", () => {
    const text = words(
      [
        { error: 0.6, treatment: { statistics: "interpolated" } },
        { error: 0.3, treatment: { statistics: "re-estimated" } },
      ],
      {},
      { renormalized: 2048, batchNorm: true },
    );
    expect(text).toMatch(/^A barrier of 30 points of test error stands/);
    expect(text).toContain(
      "Interpolated statistics alone would have shown 60.0 points (95 % interval 59.5 to 60.5): estimating the batch-norm statistics, on 2,048 training images at every point, takes 30 points away.",
    );
  });

  test("statistics left interpolated are pointed at", () => {
    expect(words([{ error: 0.6, treatment: { statistics: "interpolated" } }])).toContain(
      "--renormalize auto",
    );
  });

  test("networks at chance are said to be", () => {
    expect(words([{ error: 0, half: 0.001, ends: [0.1, 0.1] }])).toContain(
      "A and B are not shown to do better than chance (10.0 %)",
    );
  });
});

describe("several networks", () => {
  const three = [
    pair([{ error: 0.004, half: 0.004 }], { a: 0, b: 1 }),
    pair([{ error: 0.4 }], { a: 0, b: 2 }),
    pair([{ error: 0.3 }], { a: 1, b: 2 }),
  ];

  test("pairs are counted, groups named, and only safe groups called so", () => {
    expect(barrierWords(told(three, { basins: [[0, 1], [2]] }))).toEqual([
      "Of 3 pairs of 3 networks 1 is connected and 2 have a barrier between (threshold: 2 points of error).",
      "Groups without a barrier above the threshold inside: A + B; C.",
      "The highest barrier, 40.0 points (95 % interval 39.5 to 40.5), stands between A and C.",
      "Safe to average on this data, pair by pair: A + B.",
    ]);
  });

  test("a group with an open pair is not called safe", () => {
    const open = [pair([{ error: 0.015, half: 0.01 }], { a: 0, b: 1 }), ...three.slice(1)];
    const text = barrierWords(told(open, { basins: [[0, 1], [2]] })).join("\n");
    expect(text).toContain("In A + B an interval includes the threshold");
    expect(text).not.toContain("Safe to average");
  });
});

test("a group that only its treatment connects is not safe to average as it is", () => {
  const both = [{ error: 0.4 }, { error: 0.004, half: 0.004, treatment: { align: "weights" as const } }];
  const pairs = [pair(both, { a: 0, b: 1 }), pair(both, { a: 0, b: 2 }), pair(both, { a: 1, b: 2 })];
  const text = barrierWords(told(pairs)).join("\n");
  expect(text).toContain("on the last path of each pair, with everything done to it");
  expect(text).toContain("Permuting units lowers the barrier of 3 of 3 pairs");
  expect(text).not.toContain("Safe to average");
});

test("without an interval (one image) nothing is settled, as in the verdict", () => {
  for (const value of [0.5, 0]) {
    expect(says({ value, low: null, high: null }, 0.02)).toBe("open");
    expect(verdict({ value, low: null, high: null }, 0.02).says).toBe("open");
  }
});
