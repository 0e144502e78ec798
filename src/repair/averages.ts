import { type FlatLayout, flatLayout, unflatten } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { toBlockedLayout } from "../graph/blocked.ts";
import type { Graph } from "../graph/graph.ts";
import { prune } from "../graph/topology.ts";
import type { Runtime, Session } from "../runtime/session.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { weightsAsInputs, wholeShape } from "../train/weights-as-inputs.ts";

/** Numbers of a network, one vector an output, averaged over batches of images. */
export interface Averages {
  readonly layout: FlatLayout;
  /** Images of a batch. */
  readonly batch: number;
  /**
   * Mean of every output over the whole batches of `images` (the rest, fewer than a batch, is left out), in float64.
   * @throws {ScopeError} data, when there are fewer images than a batch
   */
  over(
    weights: Float32Array,
    images: ImageSource,
    options?: { readonly more?: Readonly<Record<string, Tensor>>; readonly signal?: AbortSignal | undefined },
  ): Promise<Map<string, Float64Array>>;
  release(): Promise<void>;
}

/**
 * Opens a graph of numeric shapes whose outputs are vectors [C] that describe a batch (its means and variances, say).
 * The first input takes the images; initializers `names` are taken from a weight vector,
 * save those in `kept`, which stay as the graph has them; other inputs are `more`.
 */
export async function openAverages(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  kept: readonly string[] = [],
): Promise<Averages> {
  const network = toBlockedLayout(prune(graph), runtime.block, "inference");
  const used = new Set(network.initializers.keys());
  // What the outputs do not depend on (the head, old statistics) is not in the pruned graph; it stays in the vector.
  const fed = flatLayout(
    network,
    names.filter((name) => used.has(name) && !kept.includes(name)),
  );
  const layout = flatLayout(graph, names);
  const session: Session = await runtime.session(
    weightsAsInputs(network, fed.names, `${graph.name} statistics`),
  );
  const input = network.inputs[0]!;
  const shape = wholeShape(input);
  const batch = shape[0]!;
  const x = new Float32Array(sizeOf(shape));
  const outputs = new Map(
    network.outputs.map((output) => {
      const sizes = wholeShape(output);
      return [output.name, float32(sizes, new Float32Array(sizeOf(sizes)))] as const;
    }),
  );
  return {
    layout,
    batch,
    async over(weights, images, { more = {}, signal } = {}) {
      if (weights.length !== layout.size) {
        throw new ScopeError("shape", `"${graph.name}" has ${layout.size} weights, got ${weights.length}`);
      }
      const batches = Math.floor(images.count / batch);
      if (batches === 0) {
        throw new ScopeError("data", `statistics need at least ${batch} images, there are ${images.count}`, {
          hint: "use a smaller batch",
        });
      }
      const views = unflatten(layout, weights);
      const run = session.bind(
        {
          [input.name]: float32(shape, x),
          ...Object.fromEntries(fed.names.map((name) => [name, views.get(name)!])),
          ...more,
        },
        Object.fromEntries(outputs),
      );
      const sums = new Map([...outputs].map(([name, value]) => [name, new Float64Array(value.data.length)]));
      for (let at = 0; at < batches; at++) {
        signal?.throwIfAborted();
        images.fill(x, at * batch, batch);
        await run.run();
        for (const [name, sum] of sums) {
          const now = outputs.get(name)!.data as Float32Array;
          for (let i = 0; i < sum.length; i++) sum[i]! += now[i]!;
        }
      }
      for (const sum of sums.values()) for (let i = 0; i < sum.length; i++) sum[i]! /= batches;
      return sums;
    },
    release: () => session.release(),
  };
}
