import { flatten, unflatten } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { Graph } from "../graph/graph.ts";
import type { Runtime } from "../runtime/session.ts";
import { identityPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import type { Permutations, Symmetry } from "../symmetry/types.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";
import { type GradientSource, openGradient } from "../train/gradient.ts";
import type { BatchSource } from "../train/trainer.ts";
import { countMoved, type Matching } from "./matching.ts";
import { openProducts } from "./products.ts";
import { climb } from "./weights.ts";

export interface StraightThroughOptions {
  /** Updates of the free copy. */
  readonly steps: number;
  /** Of the optimiser; 1e-3 unless told. */
  readonly learningRate?: number;
  /** adam (β 0.9 and 0.999, ε 1e-8) unless told. */
  readonly optimizer?: "adam" | "sgd";
  readonly seed: number;
  /** Names of the trainable parameters: what is compared, moved half-way and differentiated. */
  readonly parameters: readonly string[];
  /** Images at a time; 128 unless told. A graph of a fixed batch takes its own. */
  readonly batch?: number;
  /** Where the loss is taken: half-way (unless told), or anywhere between, anew at each step. */
  readonly points?: "midpoint" | "random";
  /** Batches on which the best few orders are compared at the end; 8 unless told. */
  readonly trials?: number;
  /** Called after every step with the loss there, nats. */
  readonly onStep?: (step: number, loss: number) => void;
}

/** How many orders come to the last comparison, besides the first. */
const finalists = 4;

/**
 * Looks for the order of B's units with the smallest loss half-way to A, starting from weight matching. A free copy ŵ of
 * A's weights is trained: the forward pass matches B to ŵ and takes the loss at (A + π(B))/2; the gradient there is handed
 * to ŵ as if π(B) were ŵ. The orders with the smallest mean loss on the way, and the first, are then compared on the same
 * batches: those after the last step's. Batch norm uses each batch's own statistics throughout.
 *
 * @param names the weights that differ between the networks
 * @throws {ScopeError} unsupported, when the graph cannot be differentiated; diverged, when a loss is not a number
 *
 * Source: Ainsworth, Hayase and Srinivasa 2022, arXiv:2209.04836, section 3.3. Deviations: the final
 * comparison on common batches (theirs keeps the lowest loss of a single batch); matching starts from the last step's order.
 * Cost: a gradient and a weight matching each step.
 */
export async function straightThrough(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  symmetry: Symmetry,
  a: ReadonlyMap<string, Tensor>,
  b: ReadonlyMap<string, Tensor>,
  source: BatchSource,
  options: StraightThroughOptions,
  signal?: AbortSignal,
): Promise<Matching> {
  const parameters = options.parameters.filter((name) => names.includes(name));
  if (parameters.length === 0) {
    throw new ScopeError(
      "usage",
      `none of the parameters of "${graph.name}" is among the weights to be matched`,
    );
  }
  const products = await openProducts(runtime);
  const gradient = await openGradient(runtime, graph, parameters, options.batch ?? 128);
  try {
    const images = new Float32Array(sizeOf(gradient.inputShape));
    const targets = new Float32Array(sizeOf(gradient.targetShape));
    const statistics = new Float32Array(gradient.statistics.size);
    const left = flatten(gradient.layout, a);
    const right = new Map(parameters.map((name) => [name, b.get(name)!]));
    const free = left.slice();
    const random = stream(options.seed, "noise", "straight-through");
    const update = optimiser(options.optimizer ?? "adam", options.learningRate ?? 1e-3, free);
    const middle = new Float32Array(left.length);
    /** Loss and gradient at A + share·(π(B) − A) on batch t. */
    const lossAt = async (
      t: number,
      orders: Permutations,
      share: number,
    ): ReturnType<GradientSource["gradient"]> => {
      const moved = flatten(gradient.layout, permute(symmetry, orders, right));
      for (let i = 0; i < middle.length; i++) middle[i] = left[i]! + share * (moved[i]! - left[i]!);
      source.fill(t, images, targets);
      return gradient.gradient(middle, statistics, images, targets);
    };
    const match = async (start: Permutations): Promise<Matching> =>
      climb(
        products,
        symmetry,
        unflatten(gradient.layout, free),
        right,
        {
          seed: options.seed,
          parameters,
          start,
        },
        signal,
      );

    const first = await match(identityPermutations(symmetry));
    const tried = new Map<string, Tried>();
    let now = first;
    for (let step = 0; step < options.steps; step++) {
      signal?.throwIfAborted();
      if (step > 0) now = await match(now.permutations);
      const share = options.points === "random" ? random.uniform() : 0.5;
      const found = await lossAt(step, now.permutations, share);
      const key = keyOf(now.permutations);
      const one = tried.get(key) ?? { orders: now.permutations, first: step, sum: 0, count: 0 };
      tried.set(key, { ...one, sum: one.sum + found.loss, count: one.count + 1 });
      update(found.gradient, share);
      options.onStep?.(step, found.loss);
    }
    const best = [...tried.values()]
      .toSorted((one, other) => one.sum / one.count - other.sum / other.count || one.first - other.first)
      .slice(0, finalists)
      .map((one) => one.orders);
    const trials = Math.max(1, options.trials ?? 8);
    const judge = async (orders: Permutations): Promise<number> => {
      let sum = 0;
      for (let k = 0; k < trials; k++) {
        signal?.throwIfAborted();
        sum += (await lossAt(options.steps + k, orders, 0.5)).loss;
      }
      return -sum / trials;
    };
    const start = await judge(identityPermutations(symmetry));
    let permutations = first.permutations;
    const objective = [await judge(permutations)];
    for (const orders of best) {
      const value = await judge(orders);
      if (value <= objective.at(-1)!) continue;
      objective.push(value);
      permutations = orders;
    }
    return {
      permutations,
      objective,
      start,
      sweeps: options.steps,
      moved: countMoved(symmetry, permutations),
    };
  } finally {
    await gradient.release();
    await products.release();
  }
}

/** An order met on the way: the first step it was met at, and its losses. */
interface Tried {
  readonly orders: Permutations;
  readonly first: number;
  readonly sum: number;
  readonly count: number;
}

/** Orders as text, to tell whether they are the same. */
function keyOf(orders: Permutations): string {
  return [...orders].map(([id, order]) => `${id}:${order.join()}`).join(";");
}

/** Updates `weights` in place from a gradient times a factor. */
function optimiser(
  kind: "adam" | "sgd",
  rate: number,
  weights: Float32Array,
): (gradient: Float32Array, factor: number) => void {
  if (kind === "sgd") {
    return (gradient, factor) => {
      for (let i = 0; i < weights.length; i++) weights[i]! -= rate * factor * gradient[i]!;
    };
  }
  // Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
  const mean = new Float32Array(weights.length);
  const square = new Float32Array(weights.length);
  let step = 0;
  return (gradient, factor) => {
    step++;
    const size = (rate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
    const tiny = 1e-8 * Math.sqrt(1 - 0.999 ** step);
    for (let i = 0; i < weights.length; i++) {
      const slope = factor * gradient[i]!;
      mean[i] = 0.9 * mean[i]! + 0.1 * slope;
      square[i] = 0.999 * square[i]! + 0.001 * slope * slope;
      weights[i]! -= (size * mean[i]!) / (Math.sqrt(square[i]!) + tiny);
    }
  };
}
