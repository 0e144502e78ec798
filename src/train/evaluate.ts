import { type FlatLayout, flatLayout, unflatten } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { toBlockedLayout } from "../graph/blocked.ts";
import { bind } from "../graph/bind.ts";
import type { Graph } from "../graph/graph.ts";
import type { Runtime, Session } from "../runtime/session.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { score } from "./score.ts";
import { weightsAsInputs, wholeShape } from "./weights-as-inputs.ts";

/** What a network does on a set of images. */
export interface Evaluation {
  /** Mean softmax cross-entropy, nats per image. */
  readonly loss: number;
  /** Share of images whose largest logit is the label's, in [0, 1]. */
  readonly accuracy: number;
  /** 1 where the prediction was right, one entry an image, in the set's order. */
  readonly correct: Uint8Array;
}

/** Images to look at: fills rows of a [B, C, H, W] buffer with images `from` … and knows their labels. */
export interface ImageSource {
  readonly count: number;
  readonly labels: ArrayLike<number>;
  fill(into: Float32Array, from: number, count: number): void;
}

/** A network made ready to be evaluated at many points of its weight space: the weights are inputs. */
export interface Evaluator {
  /** Where each parameter lies in the weight vector `evaluate` takes. */
  readonly layout: FlatLayout;
  /** Number of classes the network tells apart, K. */
  readonly classes: number;
  /** @throws {ScopeError} runtime; diverged, when a logit is not a number; data, when there are no images */
  evaluate(weights: Float32Array, images: ImageSource, signal?: AbortSignal): Promise<Evaluation>;
  /** Logits of up to `batch` images at a time, [count, K]. */
  logits(weights: Float32Array, images: ImageSource, signal?: AbortSignal): Promise<Float32Array>;
  release(): Promise<void>;
}

/**
 * Opens `graph` (one input [N, C, H, W], logits [N, K] first output) for evaluation with the float32 initializers `names`
 * as one weight vector; the others stay constants.
 */
export async function openEvaluator(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  batch = 256,
): Promise<Evaluator> {
  const symbol = graph.inputs[0]!.shape[0];
  const fixed = typeof symbol === "string" ? bind(graph, { [symbol]: batch }) : graph;
  const network = toBlockedLayout(fixed, runtime.block, "inference");
  const layout = flatLayout(network, names);
  const input = network.inputs[0]!;
  const ready = weightsAsInputs(
    { ...network, outputs: network.outputs.slice(0, 1) },
    names,
    `${graph.name} evaluation`,
  );
  const logitsName = ready.outputs[0]!.name;
  const shape = wholeShape(ready.inputs[0]!);
  const [rows = 1, classes = 1] = wholeShape(ready.outputs[0]!);
  const session: Session = await runtime.session(ready);

  const x = new Float32Array(sizeOf(shape));
  const z = new Float32Array(rows * classes);
  async function eachBatch(
    weights: Float32Array,
    images: ImageSource,
    use: (from: number, count: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    if (weights.length !== layout.size) {
      throw new ScopeError("shape", `"${graph.name}" has ${layout.size} weights, got ${weights.length}`);
    }
    // The weights are read where they are: looking at another point of weight space copies nothing.
    const run = session.bind(
      { [input.name]: float32(shape, x), ...Object.fromEntries(unflatten(layout, weights)) },
      { [logitsName]: float32([rows, classes], z) },
    );
    for (let from = 0; from < images.count; from += rows) {
      signal?.throwIfAborted();
      const count = Math.min(rows, images.count - from);
      images.fill(x, from, count);
      await run.run();
      use(from, count);
    }
  }

  return {
    layout,
    classes,
    async evaluate(weights, images, signal) {
      if (images.count === 0)
        throw new ScopeError("data", `"${graph.name}" has no images to be evaluated on`);
      const correct = new Uint8Array(images.count);
      let loss = 0;
      await eachBatch(
        weights,
        images,
        (from, count) => {
          for (let row = 0; row < count; row++) {
            const scored = score(z, row * classes, classes, images.labels[from + row]!);
            loss += scored.loss;
            correct[from + row] = scored.correct ? 1 : 0;
          }
        },
        signal,
      );
      let right = 0;
      for (const one of correct) right += one;
      if (!Number.isFinite(loss))
        throw new ScopeError("diverged", `"${graph.name}" gives logits that are not numbers`);
      return { loss: loss / images.count, accuracy: right / images.count, correct };
    },
    async logits(weights, images, signal) {
      const all = new Float32Array(images.count * classes);
      await eachBatch(
        weights,
        images,
        (from, count) => all.set(z.subarray(0, count * classes), from * classes),
        signal,
      );
      return all;
    },
    release: () => session.release(),
  };
}
