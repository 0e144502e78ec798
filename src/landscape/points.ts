import { type FlatLayout, flatLayout, unflatten } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { bind } from "../graph/bind.ts";
import { toBlockedLayout } from "../graph/blocked.ts";
import { prefix, suffix } from "../graph/cut.ts";
import { foldNormalization } from "../graph/fold-norm.ts";
import type { Graph } from "../graph/graph.ts";
import type { BoundRun, Runtime, Session } from "../runtime/session.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { score } from "../train/score.ts";
import { weightsAsInputs, wholeShape } from "../train/weights-as-inputs.ts";
import { combine } from "./combine.ts";
import { changedParameters, sharedPrefixes } from "./shared-prefix.ts";
import type { PointValues } from "./types.ts";

export interface PointsOptions {
  /** Images a run, unless the graph's own batch is fixed. */
  readonly batch?: number;
  /** The weight vectors points are made of: see combine.ts. */
  readonly basis: readonly Float32Array[];
}

export interface EvaluateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch with image·points done and in all. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
  /** Weight vectors held at a time, in bytes; more points take several passes over the images. 256 MB unless told. */
  readonly memoryBytes?: number | undefined;
  /**
   * What is done to each point before it is looked at: batch-norm statistics estimated anew, REPAIR. Takes the combined
   * weights (overwritten afterwards) and the point's coefficients; its result has the graph's own layout, which need not be
   * the basis vectors'.
   */
  readonly transform?:
    | ((weights: Float32Array, coefficients: readonly number[]) => Promise<Float32Array>)
    | undefined;
}

/** A network made ready to be looked at in many points of its weight space at once. */
export interface Points {
  /** Where each parameter lies in a weight vector. */
  readonly layout: FlatLayout;
  /** Number of classes, K. */
  readonly classes: number;
  /**
   * Loss and predictions at the points Σ c_i basis_i, in the order given. A point too far out to give numbers is an
   * answer (loss null, its images wrong), not an error.
   *
   * All points (of one chunk, by `memoryBytes`) share one pass over the images: each batch is read once and run at every
   * point. What depends only on parameters that are the same at all these points runs once a batch.
   * @throws {ScopeError} data, when there are no images; shape, when sizes do not fit; runtime
   */
  evaluate(
    points: readonly (readonly number[])[],
    images: ImageSource,
    options?: EvaluateOptions,
  ): Promise<PointValues[]>;
  release(): Promise<void>;
}

/** One or two sessions that take images and weights to logits. */
interface Machine {
  /** Computes `value` from images; absent when the whole network runs at every point. */
  readonly before: Part | undefined;
  readonly after: Part;
}

interface Part {
  readonly session: Session;
  /** Its input that is no parameter, and its output. */
  readonly input: string;
  readonly inputShape: readonly number[];
  readonly output: string;
  readonly outputShape: readonly number[];
  /** Parameters it takes. */
  readonly names: ReadonlySet<string>;
}

/**
 * Opens `graph` (one input [N, C, H, W], logits [N, K] first output) for evaluation at points of its weight space, with
 * the float32 initializers `names` as the weight vector; the others stay constants.
 * @throws {ScopeError} usage, when a name is not a float32 initializer of the graph
 */
export async function openPoints(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  options: PointsOptions,
): Promise<Points> {
  const { basis, batch = defaultBatch } = options;
  const symbol = graph.inputs[0]!.shape[0];
  const fixed = typeof symbol === "string" ? bind(graph, { [symbol]: batch }) : graph;
  const blocked = toBlockedLayout(foldNormalization(fixed), runtime.block, "inference");
  const network: Graph = { ...blocked, outputs: blocked.outputs.slice(0, 1) };
  const layout = flatLayout(network, names);
  const prefixFor = sharedPrefixes(network);

  const open: Session[] = [];
  async function openPart(part: Graph, title: string): Promise<Part> {
    const taken = names.filter((name) => part.initializers.has(name));
    const ready = weightsAsInputs(part, taken, title);
    const session = await runtime.session(ready);
    open.push(session);
    const [input, output] = [ready.inputs[0]!, ready.outputs[0]!];
    return {
      session,
      input: input.name,
      inputShape: wholeShape(input),
      output: output.name,
      outputShape: wholeShape(output),
      names: new Set(taken),
    };
  }

  const whole: Machine = {
    before: undefined,
    after: await openPart(network, `${graph.name} evaluation`),
  };
  const machines = new Map<string, Promise<Machine>>();
  function machineFor(vectors: readonly Float32Array[]): Promise<Machine> | Machine {
    // One point alone has nothing to share.
    const value = vectors.length < 2 ? undefined : prefixFor(changedParameters(layout, vectors));
    if (value === undefined) return whole;
    let machine = machines.get(value);
    if (machine === undefined) {
      machine = openTwo(value);
      machines.set(value, machine);
    }
    return machine;
  }
  async function openTwo(value: string): Promise<Machine> {
    return {
      before: await openPart(prefix(network, value), `${graph.name} up to ${value}`),
      after: await openPart(suffix(network, value), `${graph.name} from ${value}`),
    };
  }

  const [rows = 1, classes = 1] = whole.after.outputShape;

  /** The weights of each point, transformed, in buffers that the next chunk overwrites. */
  async function weightsOf(
    points: readonly (readonly number[])[],
    buffers: Float32Array[],
    { transform, signal }: EvaluateOptions,
  ): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (const [p, coefficients] of points.entries()) {
      signal?.throwIfAborted();
      // What a transform returns is its own: one buffer does for all points then.
      const place = transform === undefined ? p : 0;
      const buffer = (buffers[place] ??= new Float32Array(basis[0]?.length ?? 0));
      const combined = combine(basis, coefficients, buffer);
      const vector = transform === undefined ? combined : await transform(combined, coefficients);
      if (vector.length !== layout.size) {
        throw new ScopeError("shape", `"${graph.name}" has ${layout.size} weights, got ${vector.length}`);
      }
      // A transform with nothing to do may hand back what it was given.
      vectors.push(vector === combined && transform !== undefined ? combined.slice() : vector);
    }
    return vectors;
  }

  return {
    layout,
    classes,
    async evaluate(points, images, given = {}) {
      if (images.count === 0) {
        throw new ScopeError("data", `"${graph.name}" has no images to be evaluated on`);
      }
      const { signal, progress, memoryBytes = 256e6 } = given;
      const chunk = Math.max(1, Math.floor(memoryBytes / (4 * Math.max(1, layout.size))));
      const buffers: Float32Array[] = [];
      const total = points.length * images.count;
      const sums = new Float64Array(points.length);
      const losses = points.map(() => new Float32Array(images.count));
      const correct = points.map(() => new Uint8Array(images.count));
      const x = new Float32Array(sizeOf(whole.after.inputShape));
      const z = new Float32Array(rows * classes);
      let done = 0;

      for (let first = 0; first < points.length; first += chunk) {
        const vectors = await weightsOf(points.slice(first, first + chunk), buffers, given);
        const { before, after } = await machineFor(vectors);
        const weights = vectors.map((vector) => unflatten(layout, vector));
        // The prefix writes where the suffix reads; images, its values and the weights are copied nowhere.
        const image = before === undefined ? x : new Float32Array(sizeOf(after.inputShape));
        const share = before === undefined ? undefined : bound(before, x, weights[0]!, image);
        const runs = weights.map((some) => bound(after, image, some, z));

        for (let from = 0; from < images.count; from += rows) {
          const count = Math.min(rows, images.count - from);
          signal?.throwIfAborted();
          images.fill(x, from, count);
          await share?.run();
          for (const [i, run] of runs.entries()) {
            signal?.throwIfAborted();
            await run.run();
            const p = first + i;
            for (let row = 0; row < count; row++) {
              const scored = score(z, row * classes, classes, images.labels[from + row]!);
              sums[p]! += scored.loss;
              losses[p]![from + row] = scored.loss;
              correct[p]![from + row] = scored.correct ? 1 : 0;
            }
          }
          done += count * runs.length;
          progress?.(done, total);
        }
      }
      return points.map((_, p) => {
        let right = 0;
        for (const one of correct[p]!) right += one;
        return {
          loss: Number.isFinite(sums[p]!) ? sums[p]! / images.count : null,
          accuracy: right / images.count,
          losses: losses[p]!,
          correct: correct[p]!,
        };
      });
    },
    async release() {
      // Sessions that are being opened are waited for; those that failed to have told their caller.
      await Promise.allSettled(machines.values());
      for (const session of open.splice(0)) await session.release();
    },
  };
}

// Activations of this many images stay in the caches of common processors (measured: bench/path.ts --batch).
const defaultBatch = 32;

function bound(
  part: Part,
  input: Float32Array,
  weights: ReadonlyMap<string, Tensor>,
  output: Float32Array,
): BoundRun {
  const taken = [...weights].filter(([name]) => part.names.has(name));
  return part.session.bind(
    { [part.input]: float32(part.inputShape, input), ...Object.fromEntries(taken) },
    { [part.output]: float32(part.outputShape, output) },
  );
}
