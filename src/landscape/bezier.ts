import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { GradientSource } from "../train/gradient.ts";
import { rateFactor, type Schedule } from "../train/recipe.ts";
import type { BatchSource } from "../train/trainer.ts";
import { combine } from "./combine.ts";
import { bezierPoint } from "./points-of.ts";

export interface BezierOptions {
  /** Updates of the whole training, which the schedule is stretched over. */
  readonly steps: number;
  /** Stop after this many updates (a checkpoint); `steps` unless told. */
  readonly until?: number;
  readonly learningRate: number;
  /** 0.9 unless told. */
  readonly momentum?: number;
  /** 0 unless told. Acts on the point of the curve that is looked at, not on the control point. */
  readonly weightDecay?: number;
  /** Constant unless told. */
  readonly schedule?: Schedule;
  readonly seed: number;
  /** Called after every update with the number of updates done and the loss (nats) of its batch. */
  readonly each?: (step: number, loss: number) => void;
}

/** Everything the training of a curve is at some moment: with the ends and the options, all its future follows. */
export interface BezierState {
  /** Updates done. */
  readonly step: number;
  /** The control point as a weight vector of the ends' layout: parameters, then statistics. */
  readonly c: Float32Array;
  /** Momentum of the parameters, [P]. */
  readonly velocity: Float32Array;
}

/** The state before the first update: the control point half-way between the ends, no momentum. */
export function startBezier(a: Float32Array, b: Float32Array, parameters: number): BezierState {
  return {
    step: 0,
    c: combine([a, b], [0.5, 0.5], new Float32Array(a.length)),
    velocity: new Float32Array(parameters),
  };
}

/**
 * Trains the control point c of the quadratic Bézier curve from `a` to `b` so that the loss stays low all along it.
 * Every step draws t ~ U(0, 1) and goes down the gradient of L(θ(t)) with respect to c, which is 2t(1 − t) ∇L(θ(t)), with
 * SGD and momentum (v ← μv + g, c ← c − ηv). The ends stay. The same arguments give the same bits, however often training
 * is interrupted: pass the state it returned.
 *
 * Batch norm: with a gradient in batch mode every batch is normalised by its own statistics; the running statistics
 * among the weights follow from no gradient: c keeps the mean of the ends', and points of the curve need theirs estimated
 * anew. With a gradient in running mode the statistics at t are the curve's.
 *
 * Source: Garipov et al. 2018, arXiv:1802.10026, section 3.2; their code for the start from the ends' mean (init_linear)
 * and for the weight decay, which acts on θ(t).
 * @param a weight vector: the gradient's parameters first, statistics after them
 * @param state where to go on from; `startBezier` when absent
 * @throws {ScopeError} shape, when the ends do not fit; diverged, when the loss is not a number
 */
export async function trainBezier(
  gradient: GradientSource,
  a: Float32Array,
  b: Float32Array,
  batches: BatchSource,
  options: BezierOptions,
  signal?: AbortSignal,
  state?: BezierState,
): Promise<BezierState> {
  const { steps, until = steps, learningRate, momentum = 0.9, weightDecay = 0, seed, each } = options;
  const schedule: Schedule = options.schedule ?? { kind: "constant", warmup: 0 };
  const size = gradient.layout.size;
  if (a.length !== b.length || a.length < size + gradient.statistics.size) {
    throw new ScopeError(
      "shape",
      `a curve's ends need ${size + gradient.statistics.size} weights each, got ${a.length} and ${b.length}`,
    );
  }
  const from = state ?? startBezier(a, b, size);
  if (from.c.length !== a.length || from.velocity.length !== size) {
    throw new ScopeError(
      "shape",
      `the state of a curve needs ${a.length} weights and ${size} velocities, got ${from.c.length} and ${from.velocity.length}`,
    );
  }
  const c = from.c.slice();
  const velocity = from.velocity.slice();
  const point = new Float32Array(a.length);
  const theta = point.subarray(0, size);
  const statistics = point.subarray(size, size + gradient.statistics.size);
  const images = new Float32Array(gradient.inputShape.reduce((count, dim) => count * dim, 1));
  const targets = new Float32Array(gradient.targetShape.reduce((count, dim) => count * dim, 1));
  let step = from.step;
  for (; step < Math.min(until, steps); step++) {
    signal?.throwIfAborted();
    const t = stream(seed, "noise", "bezier", step).uniform();
    combine([a, c, b], bezierPoint(t), point);
    batches.fill(step, images, targets);
    const found = await gradient.gradient(theta, statistics, images, targets);
    const rate = learningRate * rateFactor(schedule, step, steps);
    const share = 2 * t * (1 - t);
    for (let i = 0; i < size; i++) {
      const slope = share * (found.gradient[i]! + weightDecay * theta[i]!);
      velocity[i] = momentum * velocity[i]! + slope;
      c[i]! -= rate * velocity[i]!;
    }
    each?.(step + 1, found.loss);
  }
  return { step, c, velocity };
}
