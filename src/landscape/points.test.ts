import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import type { Runtime } from "../runtime/session.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";
import { barriers } from "./barriers.ts";
import { combine } from "./combine.ts";
import { bezierPoint, hullPoints, linePoint } from "./points-of.ts";
import { type EvaluateOptions, openPoints, type Points } from "./points.ts";
import type { PointValues } from "./types.ts";

const io = { channels: 3, height: 8, width: 8, classes: 5 };

function images(count: number, size = 192, classes = 5): ImageSource & { fills: number } {
  const random = stream(count, "noise");
  const pixels = Float32Array.from({ length: count * size }, () => random.normal());
  const set = {
    count,
    labels: Int32Array.from({ length: count }, () => random.below(classes)),
    fills: 0,
    fill: (into: Float32Array, from: number, some: number) => {
      set.fills++;
      into.set(pixels.subarray(from * size, (from + some) * size));
    },
  };
  return set;
}

interface Net {
  readonly graph: Graph;
  readonly names: string[];
  vector(seed: number): Float32Array;
}

/** A model with names as the weight vector wants them: trainable parameters, then statistics. */
function net(spec: Record<string, unknown>): Net {
  const model = buildModel(modelSpecSchema.parse(spec), io);
  const layers = modules(model.graph, "layer");
  const names = [...layers.flatMap((one) => one.parameters), ...layers.flatMap((one) => one.statistics)];
  return {
    graph: model.graph,
    names,
    vector(seed) {
      const values = initialise(model.parameters, { init: seed, head: seed });
      const random = stream(seed, "noise", "away from special values");
      return Float32Array.from(
        names.flatMap((name) => [...values.get(name)!].map((w) => w + 0.05 * random.uniform())),
      );
    },
  };
}

async function using<T>(
  one: Pick<Net, "graph" | "names">,
  basis: readonly Float32Array[],
  use: (points: Points) => Promise<T>,
  on?: Runtime,
): Promise<T> {
  const points = await openPoints(on ?? (await runtime()), one.graph, one.names, { batch: 8, basis });
  try {
    return await use(points);
  } finally {
    await points.release();
  }
}

/** Every point by itself, as `openEvaluator` sees it. */
async function oneByOne(
  one: Net,
  basis: readonly Float32Array[],
  coefficients: readonly (readonly number[])[],
  set: ImageSource,
): Promise<{ loss: number; accuracy: number; correct: Uint8Array }[]> {
  const evaluator = await openEvaluator(await runtime(), one.graph, one.names, 8);
  const found = [];
  for (const point of coefficients) {
    found.push(await evaluator.evaluate(combine(basis, point, new Float32Array(basis[0]!.length)), set));
  }
  await evaluator.release();
  return found;
}

/** Counts runs by the name of the graph. */
function counting(inner: Runtime): Runtime & { readonly runs: Record<string, number> } {
  const runs: Record<string, number> = {};
  return {
    ...inner,
    runs,
    async session(graph) {
      const session = await inner.session(graph);
      return {
        ...session,
        bind(feeds, outputs) {
          const run = session.bind(feeds, outputs);
          return {
            async run() {
              runs[graph.name] = (runs[graph.name] ?? 0) + 1;
              await run.run();
            },
          };
        },
      };
    },
  };
}

/** Equal up to the rounding of float32 through a dozen layers (batch norm goes into the convolutions before it). */
function near(found: number | null, wanted: number): void {
  expect(found).not.toBeNull();
  expect(Math.abs(found! - wanted)).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted)));
}

const line = [0, 0.25, 0.5, 1, 1.25].map(linePoint);

describe("points", () => {
  test.each([
    ["mlp", { arch: "mlp", hidden: [12] }],
    ["cnn", { arch: "cnn", widths: [16, 16] }],
    ["resnet with batch norm", { arch: "resnet", depth: 8, norm: "batch" }],
  ])("give what evaluating them one by one gives, in one pass over the images: %s", async (_, spec) => {
    const one = net(spec);
    const basis = [one.vector(1), one.vector(2)];
    const set = images(21);
    const found = await using(one, basis, (points) => points.evaluate(line, set));
    expect(set.fills).toBe(3);
    const wanted = await oneByOne(one, basis, line, set);
    found.forEach((point, p) => {
      near(point.loss, wanted[p]!.loss);
      expect(point.accuracy).toBe(wanted[p]!.accuracy);
      expect(point.correct).toEqual(wanted[p]!.correct);
      near(point.losses.reduce((a, b) => a + b) / 21, point.loss!);
    });
  });

  test("do not depend on how many are held in memory", async () => {
    const one = net({ arch: "mlp", hidden: [12] });
    const basis = [one.vector(1), one.vector(2), one.vector(3)];
    const coefficients = [...hullPoints(3, 4, 1), bezierPoint(0.3), [0, 0, 1]];
    await using(one, basis, async (points) => {
      const whole = await points.evaluate(coefficients, images(21));
      const vector = 4 * points.layout.size;
      for (const memoryBytes of [1, vector, 2 * vector, 4.5 * vector]) {
        const set = images(21);
        expect(await points.evaluate(coefficients, set, { memoryBytes })).toEqual(whole);
        const held = Math.max(1, Math.floor(memoryBytes / vector));
        expect(set.fills).toBe(3 * Math.ceil(coefficients.length / held));
      }
    });
  });

  test("too far out are an answer: no loss, nothing right", async () => {
    const one = net({ arch: "mlp", hidden: [12] });
    const far = one.vector(1).map((w) => w * 1e25);
    const found = await using(one, [one.vector(2), far], (points) =>
      points.evaluate([linePoint(1), linePoint(0)], images(9)),
    );
    expect(found[0]).toMatchObject({ loss: null, accuracy: 0 });
    expect(found[1]!.loss).toBeGreaterThan(0);
  });

  test("report progress in image·points, and stop between two runs", async () => {
    const one = net({ arch: "mlp", hidden: [12] });
    const seen: [number, number][] = [];
    await using(one, [one.vector(1), one.vector(2)], async (points) => {
      await points.evaluate(line, images(21), { progress: (done, total) => void seen.push([done, total]) });
      expect(seen).toEqual([
        [40, 105],
        [80, 105],
        [105, 105],
      ]);
      const stop = new AbortController();
      const set = images(21);
      const options: EvaluateOptions = {
        signal: stop.signal,
        progress: () => stop.abort(new Error("enough")),
      };
      await expect(points.evaluate(line, set, options)).rejects.toThrow("enough");
      expect(set.fills).toBe(1);
    });
  });

  test("say so when sizes do not fit or there is nothing to look at", async () => {
    const one = net({ arch: "mlp", hidden: [12] });
    await using(one, [one.vector(1), one.vector(2)], async (points) => {
      await expect(points.evaluate([[1]], images(3))).rejects.toMatchObject({ fault: "shape" });
      await expect(points.evaluate(line, images(0))).rejects.toMatchObject({ fault: "data" });
      const transform = async (): Promise<Float32Array> => new Float32Array(3);
      await expect(points.evaluate(line, images(3), { transform })).rejects.toThrow("weights, got 3");
    });
    await using(one, [new Float32Array(7)], async (points) => {
      await expect(points.evaluate([[1]], images(3))).rejects.toMatchObject({ fault: "shape" });
    });
  });
});

describe("a prefix that is the same at all points", () => {
  const one = net({ arch: "resnet", depth: 8, norm: "batch" });
  const theta = one.vector(1);
  /** The first network with the parameters whose names start like this from the second. */
  function mixed(points: Points, ...starts: string[]): Float32Array {
    const [out, other] = [theta.slice(), one.vector(2)];
    points.layout.names.forEach((name, i) => {
      if (!starts.some((start) => name.startsWith(start))) return;
      const [from, to] = [points.layout.offsets[i]!, points.layout.offsets[i + 1]!];
      out.set(other.subarray(from, to), from);
    });
    return out;
  }
  const layoutOf = (): Promise<Points> => using(one, [theta], async (points) => points);

  test.each([
    ["only the head differs", ["head"]],
    ["the last stage and the head differ", ["stage3", "head"]],
    ["only a layer in the middle differs", ["stage2"]],
  ])("runs once a batch and changes no number: %s", async (_, starts) => {
    const basis = [theta, mixed(await layoutOf(), ...starts)];
    const set = images(21);
    const counted = counting(await runtime());
    const found = await using(one, basis, (points) => points.evaluate(line, set), counted);
    const wanted = await oneByOne(one, basis, line, set);
    found.forEach((point, p) => {
      near(point.loss, wanted[p]!.loss);
      expect(point.correct).toEqual(wanted[p]!.correct);
    });
    const runs = Object.entries(counted.runs);
    expect(runs.map(([name]) => name.replace(/ (up to|from) .*/, " $1"))).toEqual([
      `${one.graph.name} up to`,
      `${one.graph.name} from`,
    ]);
    // Three batches: the prefix once each, the rest at each of five points.
    expect(runs.map(([, count]) => count)).toEqual([3, 15]);
  });

  test("ends before the first parameter that differs, statistics included", async () => {
    const basis = [theta, mixed(await layoutOf(), "stem", "head")];
    const counted = counting(await runtime());
    await using(one, basis, (points) => points.evaluate(line, images(21)), counted);
    expect(counted.runs).toEqual({ [`${one.graph.name} evaluation`]: 15 });
  });

  test("is judged after the transform: what it changes is not shared", async () => {
    const basis = [theta, mixed(await layoutOf(), "head")];
    const set = images(21);
    const moved = async (weights: Float32Array, [first = 0]: readonly number[]): Promise<Float32Array> => {
      const out = weights.slice();
      out[0]! += first;
      return out;
    };
    const counted = counting(await runtime());
    const found = await using(
      one,
      basis,
      (points) => points.evaluate(line, set, { transform: moved }),
      counted,
    );
    expect(counted.runs).toEqual({ [`${one.graph.name} evaluation`]: 15 });
    const vectors = await Promise.all(
      line.map((point) => moved(combine(basis, point, new Float32Array(theta.length)), point)),
    );
    const wanted = await oneByOne(
      one,
      vectors,
      line.map((__, p) => line.map((___, q) => (p === q ? 1 : 0))),
      set,
    );
    found.forEach((point, p) => near(point.loss, wanted[p]!.loss));
  });

  test("a transform that hands its argument back changes nothing", async () => {
    const basis = [theta, one.vector(2)];
    await using(one, basis, async (points) => {
      const plain = await points.evaluate(line, images(9));
      const same = await points.evaluate(line, images(9), { transform: async (weights) => weights });
      expect(same).toEqual(plain);
    });
  });
});

/** Logits [−L, log(1 − e^−L)] for the value L [N, 1]: their cross-entropy at label 0 is L. */
function lossAsLogits(g: Builder, loss: string): void {
  const minus = g.neg(loss);
  const rest = g.op("Log", [g.sub(g.scalar(1), g.op("Exp", [minus]))]);
  g.output(g.op("Concat", [minus, rest], { axis: 1 }, { names: ["logits"] }));
}

test("swapping two units is a barrier of 1 on the line, and none once swapped back (I.3)", async () => {
  // f(x) = relu(xW) v with W = (1, −1), v = (1, −1) is x; (f − x)² at s = 1 − 2α is (1 − s²)².
  const g = new Builder();
  const x = g.op("Flatten", [g.input("x", "float32", ["N", 1, 1, 1])], { axis: 1 });
  const zeros = (name: string, shape: number[]): string =>
    g.parameter(constant(name, float32(shape, new Float32Array(2))));
  const hidden = g.op("Relu", [g.matmul(x, zeros("W", [1, 2]))]);
  const miss = g.sub(g.matmul(hidden, zeros("v", [2, 1])), x);
  lossAsLogits(g, g.mul(miss, miss));
  const swap = { graph: g.finish("swap"), names: ["W", "v"] };
  const set: ImageSource = {
    count: 2,
    labels: [0, 0],
    fill: (into, from, count) => into.set([-1, 1].slice(from, from + count)),
  };
  const a = Float32Array.of(1, -1, 1, -1);
  const b = Float32Array.of(-1, 1, -1, 1);
  const at = Array.from({ length: 9 }, (_, i) => i / 8);
  const look = (other: Float32Array): Promise<PointValues[]> =>
    using(swap, [a, other], (points) => points.evaluate(at.map(linePoint), set));

  const found = await look(b);
  at.forEach((alpha, i) => {
    const s = 1 - 2 * alpha;
    expect(found[i]!.loss).toBeCloseTo((1 - s * s) ** 2, 5);
  });
  const chord = barriers(at, found, { split: "test", seed: 0, resamples: 50 })[0]!;
  expect(chord.height.value).toBeCloseTo(1, 5);
  expect(chord.at).toBe(0.5);
  const back = Float32Array.of(b[1]!, b[0]!, b[3]!, b[2]!);
  for (const barrier of barriers(at, await look(back), { split: "test", seed: 0, resamples: 50 })) {
    expect(barrier.height).toEqual({ value: 0, low: 0, high: 0 });
  }
});

test("networks that differ in a linear head only: mean weights give the mean of the logits (I.7)", async () => {
  const one = net({ arch: "cnn", widths: [16, 16] });
  const set = images(13);
  const evaluator = await openEvaluator(await runtime(), one.graph, one.names, 8);
  const { names, offsets } = evaluator.layout;
  const vectors = [1, 2, 3].map((seed) => {
    const vector = one.vector(1);
    names.forEach((name, i) => {
      if (name.startsWith("head"))
        vector.set(one.vector(seed).subarray(offsets[i], offsets[i + 1]), offsets[i]);
    });
    return vector;
  });
  const each: Float32Array[] = [];
  for (const vector of vectors) each.push(await evaluator.logits(vector, set));
  const mean = combine(vectors, [1 / 3, 1 / 3, 1 / 3], new Float32Array(vectors[0]!.length));
  const logits = await evaluator.logits(mean, set);
  logits.forEach((z, i) => expect(z).toBeCloseTo((each[0]![i]! + each[1]![i]! + each[2]![i]!) / 3, 5));
  await evaluator.release();
});
