import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { combine } from "../landscape/combine.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";
import { movingAverage, movingShares, runningMean, uniform } from "./average.ts";
import { ensembleLogits } from "./ensemble.ts";
import { wiseCurve } from "./wise.ts";

/** Several vectors of one size. */
const vectors = fc.integer({ min: 1, max: 6 }).chain((size) =>
  fc.array(fc.float32Array({ minLength: size, maxLength: size, noNaN: true, min: -1e6, max: 1e6 }), {
    minLength: 1,
    maxLength: 12,
  }),
);

function largest(values: readonly Float32Array[]): number {
  return Math.max(1, ...values.flatMap((vector) => [...vector].map(Math.abs)));
}

describe("the running mean", () => {
  test("is the arithmetic mean to 1e-12, in any order (I.7)", () => {
    fc.assert(
      fc.property(vectors, fc.infiniteStream(fc.nat()), (given, keys) => {
        const mean = runningMean(given[0]!.length);
        given.forEach((vector) => mean.add(vector));
        const keyed = given.map((vector) => ({ vector, key: keys.next().value! }));
        const shuffled = runningMean(given[0]!.length);
        for (const { vector } of keyed.toSorted((a, b) => a.key - b.key)) shuffled.add(vector);
        const scale = largest(given);
        mean.value.forEach((value, i) => {
          const exact = given.reduce((sum, vector) => sum + vector[i]!, 0) / given.length;
          expect(Math.abs(value - exact)).toBeLessThan(1e-12 * scale);
          expect(Math.abs(value - shuffled.value[i]!)).toBeLessThan(1e-12 * scale);
        });
      }),
    );
  });

  test("of equal networks is that network, bit for bit", () => {
    fc.assert(
      fc.property(
        fc.float32Array({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 1, max: 9 }),
        (one, n) => {
          expect(uniform(Array.from({ length: n }, () => one))).toEqual(one.map((value) => value + 0));
        },
      ),
    );
  });

  test("looks at one more network without taking it in", () => {
    const mean = runningMean(2);
    mean.add(Float32Array.of(1, 2));
    expect(mean.with(Float32Array.of(3, 6))).toEqual(Float32Array.of(2, 4));
    expect(mean.rounded()).toEqual(Float32Array.of(1, 2));
    expect(mean.count).toBe(1);
  });

  test("takes networks from a generator, one at a time", () => {
    function* read(): Generator<Float32Array> {
      for (const value of [1, 2, 6]) yield Float32Array.of(value);
    }
    expect(uniform(read())).toEqual(Float32Array.of(3));
  });

  test("refuses nothing at all and networks of other sizes", () => {
    expect(() => uniform([])).toThrow("there is no network to average");
    expect(() => uniform([new Float32Array(3), new Float32Array(2)])).toThrow(
      "networks to average have 3 weights, found one with 2",
    );
  });
});

describe("averages over a run", () => {
  const moments = [1, 2, 4, 8].map((value) => Float32Array.of(value, -value));

  test("stochastic weight averaging counts all alike", () => {
    expect(movingAverage(moments, { kind: "swa" })).toEqual(Float32Array.of(3.75, -3.75));
  });

  test("the exponential one follows its recursion: ((1·½ + 2·½)·½ + 4·½)·½ + 8·½", () => {
    expect(movingAverage(moments, { kind: "ema", decay: 0.5 })).toEqual(Float32Array.of(5.375, -5.375));
    expect(movingAverage(moments, { kind: "ema", decay: 0 })).toEqual(Float32Array.of(8, -8));
  });

  test("shares sum to 1 and give the average", () => {
    for (const options of [{ kind: "swa" }, { kind: "ema", decay: 0.9 }] as const) {
      const shares = movingShares(4, options);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
      expect(combine(moments, shares, new Float32Array(2))[0]).toBeCloseTo(
        movingAverage(moments, options)[0]!,
        6,
      );
    }
  });

  test("a decay outside [0, 1) and an empty run are refused", () => {
    for (const decay of [1, -0.1, Number.NaN]) {
      expect(() => movingAverage(moments, { kind: "ema", decay })).toThrow(/expected a decay in \[0, 1\)/);
    }
    expect(() => movingAverage([], { kind: "ema", decay: 0.5 })).toThrow("there is no network to average");
  });
});

test("the WiSE-FT line has 11 points, is exact at ½ and is the networks themselves at its ends, bit for bit", () => {
  const curve = wiseCurve();
  expect(curve.map(({ at }) => at)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  expect(curve[5]!.coefficients).toEqual([0.5, 0.5]);
  const random = stream(3, "noise");
  const a = Float32Array.from({ length: 50 }, () => random.normal());
  const b = Float32Array.from({ length: 50 }, () => random.normal());
  const at = (i: number): Float32Array => combine([a, b], curve[i]!.coefficients, new Float32Array(50));
  expect(at(0)).toEqual(a);
  expect(at(10)).toEqual(b);
  at(5).forEach((value, i) => expect(value).toBe(Math.fround((a[i]! + b[i]!) / 2)));
});

/** relu(x W₁) W₂ + b with x [N, 1, 2, 2]: six hidden units, three classes. */
function twoLayers(body: Float32Array): Graph {
  const g = new Builder();
  const x = g.input("x", "float32", ["N", 1, 2, 2]);
  const hidden = g.matmul(
    g.op("Flatten", [x], { axis: 1 }),
    g.parameter(constant("body.weight", float32([4, 6], body))),
  );
  const head = g.parameter(constant("head.weight", float32([6, 3], new Float32Array(18))));
  const bias = g.parameter(constant("head.bias", float32([3], new Float32Array(3))));
  g.output(g.op("Gemm", [g.op("Relu", [hidden]), head, bias]));
  return g.finish("two layers");
}

test("where only the linear head differs, the mean of weights has the mean of logits (I.7)", async () => {
  const random = stream(5, "noise");
  const normal = (size: number): Float32Array => Float32Array.from({ length: size }, () => random.normal());
  const pixels = normal(40);
  const images: ImageSource = {
    count: 10,
    labels: new Int32Array(10),
    fill: (into, from, count) => into.set(pixels.subarray(4 * from, 4 * (from + count))),
  };
  const evaluator = await openEvaluator(
    await runtime(),
    twoLayers(normal(24)),
    ["head.weight", "head.bias"],
    4,
  );
  try {
    const heads = Array.from({ length: 5 }, () => normal(21));
    const logits: Float32Array[] = [];
    for (const head of heads) logits.push(await evaluator.logits(head, images));
    const ensemble = ensembleLogits(logits);
    const soup = await evaluator.logits(uniform(heads), images);
    // 1e-6 of the size logits have here: float32 sums of six products.
    soup.forEach((value, i) => expect(Math.abs(value - ensemble[i]!)).toBeLessThan(1e-6 * 5));
  } finally {
    await evaluator.release();
  }
});
