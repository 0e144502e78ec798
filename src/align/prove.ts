import { flatten } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
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
 * @throws {ScopeError} bug, when the outputs differ by more than `provenWithin` allows; diverged, when logits are not
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
    const old = await evaluator.logits(flatten(evaluator.layout, before), images, signal);
    const now = await evaluator.logits(flatten(evaluator.layout, after), images, signal);
    let largest = 0;
    let difference = 0;
    for (let i = 0; i < old.length; i++) {
      largest = Math.max(largest, Math.abs(old[i]!));
      // NaN must not pass for small.
      const one = Math.abs(now[i]! - old[i]!);
      difference = one <= difference ? difference : one;
      if (Number.isNaN(one))
        throw new ScopeError("diverged", `"${graph.name}" gives logits that are not numbers`);
    }
    const relative = difference === 0 ? 0 : difference / largest;
    const limit = provenWithin(graph);
    if (relative > limit) {
      throw new ScopeError(
        "bug",
        `putting the units of "${graph.name}" in another order changed its outputs by ${relative.toExponential(1)} of the largest logit, at most ${limit.toExponential(1)} can be rounding`,
        { hint: "please report the model: a symmetry was derived that it does not have" },
      );
    }
    return { difference: relative, images: images.count };
  } finally {
    await evaluator.release();
  }
}

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
