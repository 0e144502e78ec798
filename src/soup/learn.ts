import type { FlatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { ImageSource } from "../train/evaluate.ts";
import type { GradientSource } from "../train/gradient.ts";
import { type Finish, sameSize } from "./average.ts";
import { mix, softmax } from "./mixing.ts";

// P: numbers of a weight vector; n: networks; G: groups that are mixed by themselves.

/** Where learning stands: with the options, all the rest follows. Plain data; numbers survive JSON exactly. */
export interface LearnState {
  /** Updates done. */
  readonly step: number;
  /** Raw mixing numbers [G][n]; shares are their softmax. */
  readonly alpha: readonly (readonly number[])[];
  /** Factor on the logits. */
  readonly logitScale: number;
  /** Adam's first and second moments [G · n + 1], those of the logit scale last. */
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  /** Loss of each update's batch before the update, nats. */
  readonly losses: readonly number[];
}

export interface LearnOptions {
  /** Layout of the weight vectors. It has all tensors of the gradient's layout, and its statistics. */
  readonly layout: FlatLayout;
  /** Updates; or passes over the images, 5 unless told. */
  readonly steps?: number;
  readonly epochs?: number;
  /** 0.05 unless told. */
  readonly learningRate?: number;
  /** Of the stream "order": the order of images. */
  readonly seed: number;
  /** Parameters that scale the logits (`scalableHead`); without any, the logit scale stays 1. */
  readonly head?: readonly string[] | undefined;
  /** Applied to the result. */
  readonly finish?: Finish;
  /** To go on from. */
  readonly state?: LearnState;
  readonly onStep?: (state: LearnState) => void | Promise<void>;
}

export interface LearnedSoup {
  /** Share of each network, by group: [G][n], rows sum to 1. */
  readonly shares: readonly (readonly number[])[];
  readonly logitScale: number;
  /** The mixture, [P], with the logit scale folded into the last layer; finished. */
  readonly average: Float32Array;
  readonly state: LearnState;
}

/** As released: Adam's defaults in PyTorch; weight decay 0. */
const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

/** The logit scale stays above this: at 0 all predictions would be the same, below they would be reversed. */
const smallestScale = 0.01;

/**
 * A learned soup: θ_g = Σ_i softmax(α_g)_i θ_{i,g} for the tensors of each group g, and logits times a scalar; α and the
 * scalar by AdamW without decay on the cross-entropy of held-out images, from uniform shares and a scale of 1.
 *
 *     ∂L/∂α_{g,i} = s_{g,i} ⟨∇_g L, θ_{i,g} − θ_g⟩
 *
 * (the chain rule through the softmax, the mean over i already subtracted). The scale multiplies the parameters `head`,
 * which is the same as multiplying the logits, so ∂L/∂scale = ⟨∇_head L, θ_head⟩, and the result needs no extra node.
 *
 * With batch norm, open `gradient` with "batch" normalisation, which is what an average with re-estimated statistics
 * computes, and give `finish`. With "running" normalisation the statistics are mixed like weights and held constant in
 * the gradient. Either way the statistics of the result are mixed before `finish` sees them.
 *
 * @param gradient its batch is the batch here
 * @param vectors networks, [P] each
 * @param groups group of each tensor of `layout` (`mixingGroups`); all 0 for one global mixture
 * @param images held-out images, not those the networks were trained on
 *
 * Source: Wortsman et al. 2022, arXiv:2203.05482, appendix I, and the released code (learning rate 0.05, 5 epochs).
 * Deviation: shares by module, not by tensor (`mixingGroups`); the scale stays above 0.01.
 * Cost: two passes over n · P numbers and one gradient a step.
 * @throws {ScopeError} data, without networks or images; shape and usage, when things do not fit together; diverged
 */
export async function learnSoup(
  gradient: GradientSource,
  vectors: readonly Float32Array[],
  groups: readonly number[],
  images: ImageSource,
  options: LearnOptions,
  signal?: AbortSignal,
): Promise<LearnedSoup> {
  const { layout, learningRate = 0.05, head = [] } = options;
  check(gradient, vectors, groups, images, options);
  const n = vectors.length;
  const groupCount = Math.max(...groups) + 1;
  const batch = gradient.inputShape[0]!;
  const steps =
    options.steps ??
    Math.max(1, Math.round((options.epochs ?? 5) * Math.max(1, Math.floor(images.count / batch))));

  let state = options.state ?? start(groupCount, n);
  const mixed = new Float32Array(layout.size);
  const parameters = places(layout, gradient.layout, head);
  const statistics = places(layout, gradient.statistics, []);
  const theta = new Float32Array(gradient.layout.size);
  const running = new Float32Array(gradient.statistics.size);
  const nextBatch = batches(gradient, images, options.seed);

  while (state.step < steps) {
    signal?.throwIfAborted();
    const shares = state.alpha.map(softmax);
    mix(layout, vectors, groups, shares, mixed);
    for (const { at, from, size, scaled } of parameters) {
      const factor = scaled ? state.logitScale : 1;
      for (let e = 0; e < size; e++) theta[at + e] = factor * mixed[from + e]!;
    }
    for (const { at, from, size } of statistics) running.set(mixed.subarray(from, from + size), at);
    const { x, targets } = nextBatch(state.step);
    const found = await gradient.gradient(theta, running, x, targets);

    const slopes = new Float64Array(groupCount * n + 1);
    for (const { index, at, from, size, scaled } of parameters) {
      const group = groups[index]!;
      const factor = scaled ? state.logitScale : 1;
      vectors.forEach((vector, i) => {
        let sum = 0;
        for (let e = 0; e < size; e++)
          sum += found.gradient[at + e]! * (vector[from + e]! - mixed[from + e]!);
        slopes[group * n + i]! += factor * shares[group]![i]! * sum;
      });
      if (!scaled) continue;
      for (let e = 0; e < size; e++) slopes[groupCount * n]! += found.gradient[at + e]! * mixed[from + e]!;
    }
    state = update(state, slopes, found.loss, learningRate);
    await options.onStep?.(state);
  }

  const shares = state.alpha.map(softmax);
  mix(layout, vectors, groups, shares, mixed);
  for (const { from, size, scaled } of parameters) {
    if (!scaled) continue;
    for (let e = from; e < from + size; e++) mixed[e]! *= state.logitScale;
  }
  const average = options.finish === undefined ? mixed : await options.finish(mixed);
  return { shares, logitScale: state.logitScale, average, state };
}

function start(groups: number, n: number): LearnState {
  const none = Array.from({ length: groups * n + 1 }, () => 0);
  const alpha = Array.from({ length: groups }, () => Array.from({ length: n }, () => 1));
  return { step: 0, alpha, logitScale: 1, mean: none, variance: none, losses: [] };
}

/** One step of Adam on all mixing numbers and the logit scale. */
function update(state: LearnState, slopes: Float64Array, loss: number, rate: number): LearnState {
  const step = state.step + 1;
  const mean = state.mean.map((value, j) => beta1 * value + (1 - beta1) * slopes[j]!);
  const variance = state.variance.map((value, j) => beta2 * value + (1 - beta2) * slopes[j]! ** 2);
  const move = mean.map((value, j) => {
    const spread = Math.sqrt(variance[j]! / (1 - beta2 ** step)) + epsilon;
    return (rate * (value / (1 - beta1 ** step))) / spread;
  });
  const n = state.alpha[0]!.length;
  return {
    step,
    alpha: state.alpha.map((row, group) => row.map((value, i) => value - move[group * n + i]!)),
    logitScale: Math.max(smallestScale, state.logitScale - move.at(-1)!),
    mean,
    variance,
    losses: [...state.losses, loss],
  };
}

/** A tensor that stands in two layouts. */
interface Place {
  /** Its number and start in the weight vector. */
  readonly index: number;
  readonly from: number;
  /** Its start in the other layout. */
  readonly at: number;
  readonly size: number;
  readonly scaled: boolean;
}

function places(layout: FlatLayout, other: FlatLayout, head: readonly string[]): Place[] {
  return other.names.map((name, k) => {
    const index = layout.names.indexOf(name);
    const at = other.offsets[k]!;
    const size = other.offsets[k + 1]! - at;
    return { index, from: layout.offsets[index]!, at, size, scaled: head.includes(name) };
  });
}

/** Batches of the endless sequence of epochs, each in its own order; buffers are used again. */
function batches(
  { inputShape, targetShape }: GradientSource,
  images: ImageSource,
  seed: number,
): (step: number) => { readonly x: Float32Array; readonly targets: Float32Array } {
  const [batch = 1, ...image] = inputShape;
  const size = image.reduce((product, dim) => product * dim, 1);
  const classes = targetShape[1]!;
  const x = new Float32Array(batch * size);
  const targets = new Float32Array(batch * classes);
  let epoch = -1;
  let order = new Int32Array(0);
  return (step) => {
    targets.fill(0);
    for (let row = 0; row < batch; row++) {
      const position = step * batch + row;
      if (Math.floor(position / images.count) !== epoch) {
        epoch = Math.floor(position / images.count);
        order = Int32Array.from(stream(seed, "order", epoch).permutation(images.count));
      }
      const index = order[position % images.count]!;
      images.fill(x.subarray(row * size, (row + 1) * size), index, 1);
      targets[row * classes + images.labels[index]!] = 1;
    }
    return { x, targets };
  };
}

function check(
  gradient: GradientSource,
  vectors: readonly Float32Array[],
  groups: readonly number[],
  images: ImageSource,
  { layout, head = [], state }: LearnOptions,
): void {
  if (vectors.length === 0) throw new ScopeError("data", "there is no network to average");
  if (images.count === 0) throw new ScopeError("data", "there are no held-out images to learn a soup on");
  for (const vector of vectors) sameSize(vector, layout.size);
  for (const name of [...gradient.layout.names, ...gradient.statistics.names]) {
    if (layout.names.includes(name)) continue;
    throw new ScopeError("usage", `learned soup: the weight vectors lack tensor "${name}"`);
  }
  for (const name of head) {
    if (gradient.layout.names.includes(name)) continue;
    throw new ScopeError(
      "usage",
      `learned soup: "${name}" should scale the logits, but is not differentiated`,
    );
  }
  if (
    groups.length !== layout.names.length ||
    groups.some((group) => !Number.isInteger(group) || group < 0)
  ) {
    throw new ScopeError(
      "usage",
      `learned soup: expected a group for each of ${layout.names.length} tensors, got ${groups.length} numbers`,
    );
  }
  const classes = gradient.targetShape[1]!;
  for (let i = 0; i < images.count; i++) {
    const label = images.labels[i]!;
    if (label >= 0 && label < classes) continue;
    throw new ScopeError("data", `image ${i} has label ${label}, the network tells ${classes} classes apart`);
  }
  const groupCount = Math.max(...groups) + 1;
  if (
    state !== undefined &&
    (state.alpha.length !== groupCount || state.alpha.some((row) => row.length !== vectors.length))
  ) {
    throw new ScopeError(
      "usage",
      `learned soup: the state to go on from has ${state.alpha.length} × ${state.alpha[0]?.length ?? 0} mixing numbers, ` +
        `${groupCount} × ${vectors.length} are needed`,
    );
  }
}
