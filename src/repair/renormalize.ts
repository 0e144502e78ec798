import { flatLayout } from "../autodiff/flat.ts";
import { lowerForTraining } from "../autodiff/lower.ts";
import { ScopeError } from "../base/error.ts";
import { bind } from "../graph/bind.ts";
import { constant, type Graph, type Node } from "../graph/graph.ts";
import type { Runtime } from "../runtime/session.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { openAverages } from "./averages.ts";

/** Estimates the running statistics of batch norm anew, for any weight vector of a network. */
export interface Renormalizer {
  /** Whether there is anything to estimate. Without, `estimate` returns a copy. */
  readonly needed: boolean;
  /**
   * A copy of `weights` [P] whose running means and variances are the plain averages over batches, in training mode:
   * every normalisation sees what those before it make of the batch with its own statistics.
   * @throws {ScopeError} data, for fewer images than a batch; diverged, when a statistic is not a number
   */
  estimate(weights: Float32Array, images: ImageSource, signal?: AbortSignal): Promise<Float32Array>;
  release(): Promise<void>;
}

/**
 * Opens the re-estimation of batch-norm statistics (bn_update of Izmailov et al. 2018, arXiv:1803.05407: momentum
 * b/(n + b), so that the result is the average over all images). Weight-space operations need it: the statistics of an
 * average of networks are not the average of their statistics.
 *
 * Variances are the population's (÷ n), as ONNX defines them and `lowerForTraining` keeps them; PyTorch's are n/(n − 1)
 * times as large. Only whole batches count, taken in the images' order: classes should be mixed in it.
 *
 * @param names the network's weights as they lie in a weight vector; statistics among them
 */
export async function openRenormalizer(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  batch: number,
): Promise<Renormalizer> {
  const layout = flatLayout(graph, names);
  const lowered = lowerForTraining(withBatch(forgetful(graph), batch));
  const wanted = lowered.statistics.filter(({ name }) => names.includes(name));
  if (wanted.length === 0) {
    return {
      needed: false,
      estimate: async (weights) => weights.slice(),
      release: async () => undefined,
    };
  }
  const known = new Map(lowered.graph.outputs.map((output) => [output.name, output]));
  const averages = await openAverages(
    runtime,
    { ...lowered.graph, outputs: wanted.map(({ next }) => known.get(next)!) },
    names,
    wanted.map(({ name }) => name),
  );
  return {
    needed: true,
    async estimate(weights, images, signal) {
      const found = await averages.over(weights, images, { signal });
      const renewed = weights.slice();
      for (const { name, next } of wanted) {
        const values = found.get(next)!;
        if (!values.every(Number.isFinite)) {
          throw new ScopeError("diverged", `statistic "${name}" of "${graph.name}" is not a number here`);
        }
        renewed.set(values, layout.offsets[names.indexOf(name)]!);
      }
      return renewed;
    },
    release: () => averages.release(),
  };
}

/** Whether a network has running statistics that weight-space operations make stale. */
export function hasRunningStatistics(graph: Graph): boolean {
  return graph.nodes.some((node) => isBatchNorm(node) && graph.initializers.has(node.inputs[3] ?? ""));
}

export function isBatchNorm(node: Node): boolean {
  return node.domain === "" && node.op === "BatchNormalization";
}

/** The graph for batches of `batch` images. */
export function withBatch(graph: Graph, batch: number): Graph {
  const symbol = graph.inputs[0]!.shape[0];
  return typeof symbol === "string" ? bind(graph, { [symbol]: batch }) : graph;
}

/**
 * The graph with batch norms that keep nothing of their old statistics: their next value is the batch's. The old ones
 * are zeros, so that not even what is not a number there can get through.
 */
export function forgetful(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node) => {
    if (!isBatchNorm(node)) return node;
    for (const name of node.inputs.slice(3, 5)) {
      const old = initializers.get(name);
      if (old === undefined) continue;
      initializers.set(name, constant(name, float32(old.shape, new Float32Array(sizeOf(old.shape)))));
    }
    return {
      ...node,
      attributes: { ...node.attributes, momentum: { type: "float", value: 0 } as const },
    };
  });
  return { ...graph, nodes, initializers };
}
