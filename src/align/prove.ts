import { flatten } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { Graph } from "../graph/graph.ts";
import type { Runtime } from "../runtime/session.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";

/** How far the logits of a network whose units were put in another order are from what they were. */
export interface Proof {
  /** Largest difference of a logit, relative to the largest logit. */
  readonly difference: number;
  /** Images looked at. */
  readonly images: number;
}

/**
 * Runs a network with its weights before and after its units were put in another order, on the same images.
 * @param names the weights that are looked at, parameters and statistics
 * @throws {ScopeError} bug, when the outputs differ by more than `provenWithin` and by far more than when each weight
 *   is rounded once more; diverged, when logits are not
 *   numbers; data, when there are no images
 */
export async function proveAlignment(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  before: ReadonlyMap<string, Tensor>,
  after: ReadonlyMap<string, Tensor>,
  images: ImageSource,
  signal?: AbortSignal,
): Promise<Proof> {
  if (images.count === 0) throw new ScopeError("data", `there are no images to compare "${graph.name}" on`);
  const evaluator = await openEvaluator(runtime, graph, names, Math.min(64, images.count));
  try {
    const from = flatten(evaluator.layout, before);
    const old = await evaluator.logits(from, images, signal);
    const now = await evaluator.logits(flatten(evaluator.layout, after), images, signal);
    const difference = relativeDifference(graph, now, old);
    const limit = provenWithin(graph);
    if (difference > limit) {
      // Does this network make more of rounding than others? Weights off by one rounding each show it.
      const random = stream(0, "noise", "rounding");
      const nudged = from.map((weight) => weight * (1 + (random.uniform() < 0.5 ? -1 : 1) * 2 ** -24));
      const rounding = relativeDifference(graph, await evaluator.logits(nudged, images, signal), old);
      if (difference > amplified * rounding) {
        throw new ScopeError(
          "bug",
          `putting the units of "${graph.name}" in another order changed its outputs by ${difference.toExponential(1)} of the largest logit; at most ${Math.max(limit, amplified * rounding).toExponential(1)} can be rounding`,
          { hint: "please report the model: a symmetry was derived that it does not have" },
        );
      }
    }
    return { difference, images: images.count };
  } finally {
    await evaluator.release();
  }
}

/** Largest difference, relative to the largest logit. @throws {ScopeError} diverged, when a logit is not a number */
function relativeDifference(graph: Graph, found: Float32Array, wanted: Float32Array): number {
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < wanted.length; i++) {
    const one = Math.abs(found[i]! - wanted[i]!);
    if (!Number.isFinite(one))
      throw new ScopeError("diverged", `"${graph.name}" gives logits that are not numbers`);
    largest = Math.max(largest, Math.abs(wanted[i]!));
    difference = Math.max(difference, one);
  }
  return difference === 0 ? 0 : difference / largest;
}

/**
 * What a difference may be in roundings of the weights: sums of thousands of terms in another order round as if each
 * weight were off by a few.
 */
const amplified = 10;

const linear = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * What a difference may be: 1e-5 for up to ten linear layers in a network, beyond that in proportion to √(layers / 10).
 * Sums whose terms come in another order differ by rounding, 6e-8 for one operation; each layer adds such an error of its
 * own, independent of the others', and passes on what it got.
 */
export function provenWithin(graph: Graph): number {
  const layers = graph.nodes.filter((node) => linear.has(node.op)).length;
  return 1e-5 * Math.sqrt(Math.max(1, layers / 10));
}
