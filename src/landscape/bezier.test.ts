import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ImageSource } from "../train/evaluate.ts";
import { type GradientSource, openGradient } from "../train/gradient.ts";
import type { BatchSource } from "../train/trainer.ts";
import { barriers } from "./barriers.ts";
import { type BezierOptions, type BezierState, startBezier, trainBezier } from "./bezier.ts";
import { bezierPoint, linePoint } from "./points-of.ts";
import { openPoints } from "./points.ts";

/**
 * A loss of two weights with a ring-shaped valley: logits [4 − 16 (‖w‖² − 1)², 0], label 0. On the ring the loss is
 * log(1 + e⁻⁴) = 0.018, at its centre 12. `w` is a column; images are single numbers 1.
 */
function ring(): Graph {
  const g = new Builder();
  const x = g.op("Flatten", [g.input("x", "float32", ["N", 1, 1, 1])], { axis: 1 });
  const w = g.parameter(constant("w", float32([2, 1], [0, 0])));
  const off = g.sub(g.matmul(g.transpose(w, [1, 0]), w), g.scalar(1));
  const first = g.matmul(x, g.sub(g.scalar(4), g.scale(g.mul(off, off), 16)));
  g.output(g.op("MatMul", [first, g.floats([1, 2], [1, 0])], {}, { names: ["logits"] }));
  return g.finish("ring");
}

const angle = (degrees: number): Float32Array =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));
const [a, b] = [angle(10), angle(150)];
const ones: BatchSource = {
  fill(_, images, targets) {
    images.fill(1);
    targets.set([1, 0, 1, 0]);
  },
};
const options: BezierOptions = { steps: 150, learningRate: 0.01, momentum: 0.8, seed: 3 };

async function training<T>(use: (gradient: GradientSource) => Promise<T>): Promise<T> {
  const gradient = await openGradient(await runtime(), ring(), ["w"], 2);
  try {
    return await use(gradient);
  } finally {
    await gradient.release();
  }
}

describe("trainBezier", () => {
  test("leads round the ring where the line goes across its middle", async () => {
    const { c } = await training((gradient) => trainBezier(gradient, a, b, ones, options));
    const at = Array.from({ length: 21 }, (_, i) => i / 20);
    const set: ImageSource = { count: 2, labels: [0, 0], fill: (into) => into.fill(1) };
    const chord = async (basis: readonly Float32Array[], point: (t: number) => number[]): Promise<number> => {
      const points = await openPoints(await runtime(), ring(), ["w"], { basis, batch: 2 });
      const values = await points.evaluate(at.map(point), set);
      await points.release();
      return barriers(at, values, { split: "train", seed: 0, resamples: 10 })[0]!.height.value;
    };
    expect(await chord([a, b], linePoint)).toBeGreaterThan(8);
    expect(await chord([a, c, b], bezierPoint)).toBeLessThan(0.1);
  });

  test("stopped and resumed gives the same bits, and reports every step", async () => {
    await training(async (gradient) => {
      const whole = await trainBezier(gradient, a, b, ones, { ...options, steps: 20 });
      const seen: number[] = [];
      let state: BezierState | undefined;
      for (const until of [0, 7, 8, 20]) {
        const part = { ...options, steps: 20, until, each: (step: number) => void seen.push(step) };
        state = await trainBezier(gradient, a, b, ones, part, undefined, state);
        expect(state.step).toBe(until);
      }
      expect(state).toEqual(whole);
      expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      expect(await trainBezier(gradient, a, b, ones, { ...options, steps: 20, seed: 4 })).not.toEqual(whole);
    });
  });

  test("takes steps of 2t(1 − t) ∇L, with momentum, decay of the point looked at, and the schedule", async () => {
    // A stand-in whose gradient is known: L = g·θ.
    const slope = Float32Array.of(1, -2, 0.5);
    const fake: GradientSource = {
      layout: { names: ["w"], shapes: [[3]], offsets: [0, 3], size: 3 },
      statistics: { names: [], shapes: [], offsets: [0], size: 0 },
      inputShape: [1, 1, 1, 1],
      targetShape: [2, 2],
      gradient: async () => ({ loss: 0, gradient: slope }),
      release: async () => {},
    };
    // The fourth number is a running statistic: it stays the ends' mean.
    const ends = [Float32Array.of(0, 1, 2, 5), Float32Array.of(4, 1, 0, 7)] as const;
    const given: BezierOptions = {
      steps: 3,
      learningRate: 0.1,
      momentum: 0.5,
      weightDecay: 0.01,
      schedule: { kind: "cosine", warmup: 0 },
      seed: 9,
    };
    const c = [2, 1, 1];
    const v = [0, 0, 0];
    for (let step = 0; step < 3; step++) {
      const t = stream(9, "noise", "bezier", step).uniform();
      const rate = 0.1 * 0.5 * (1 + Math.cos((Math.PI * step) / 3));
      for (let i = 0; i < 3; i++) {
        const [p, q, r] = bezierPoint(t);
        const theta = p * ends[0][i]! + q * c[i]! + r * ends[1][i]!;
        v[i] = 0.5 * v[i]! + q * (slope[i]! + 0.01 * theta);
        c[i]! -= rate * v[i]!;
      }
    }
    const found = await trainBezier(fake, ...ends, ones, given);
    c.forEach((value, i) => expect(found.c[i]).toBeCloseTo(value, 6));
    v.forEach((value, i) => expect(found.velocity[i]).toBeCloseTo(value, 6));
    expect(found.c[3]).toBe(6);
  });

  test("refuses ends and states that do not fit, and stops when told to", async () => {
    await training(async (gradient) => {
      const short = new Float32Array(1);
      await expect(trainBezier(gradient, short, short, ones, options)).rejects.toMatchObject({
        fault: "shape",
      });
      await expect(trainBezier(gradient, a, new Float32Array(3), ones, options)).rejects.toMatchObject({
        fault: "shape",
      });
      const other = startBezier(new Float32Array(3), new Float32Array(3), 3);
      await expect(trainBezier(gradient, a, b, ones, options, undefined, other)).rejects.toThrow(
        "needs 2 weights and 2 velocities, got 3 and 3",
      );
      const stopped = AbortSignal.abort(new Error("enough"));
      await expect(trainBezier(gradient, a, b, ones, options, stopped)).rejects.toThrow("enough");
    });
  });
});
