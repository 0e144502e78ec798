import { differentiate } from "../autodiff/differentiate.ts";
import { type FlatLayout, flatLayout, unflatten } from "../autodiff/flat.ts";
import { lowerForTraining } from "../autodiff/lower.ts";
import { declareParameters, lossTable, port } from "../autodiff/step.ts";
import { pick, ScopeError } from "../base/error.ts";
import { bind } from "../graph/bind.ts";
import { toBlockedLayout } from "../graph/blocked.ts";
import { Builder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { renameValues } from "../graph/rename.ts";
import { prune } from "../graph/topology.ts";
import type { Runtime } from "../runtime/session.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";

/** Loss and gradient of a network at any point of its weight space. */
export interface GradientSource {
  /** Where each parameter that is differentiated lies in `theta`. */
  readonly layout: FlatLayout;
  /** Where each running statistic lies in `statistics`; size 0 when there is no batch norm. */
  readonly statistics: FlatLayout;
  /** [B, C, H, W]. */
  readonly inputShape: readonly number[];
  /** [B, K]. */
  readonly targetShape: readonly number[];
  /**
   * Mean loss of one batch (nats) at `theta` [P] and its gradient [P]. Batch norm uses the batch's own statistics, or
   * with `normalization: "running"` those given. The returned gradient is overwritten by the next call.
   */
  gradient(
    theta: Float32Array,
    statistics: Float32Array,
    images: Float32Array,
    targets: Float32Array,
  ): Promise<{ readonly loss: number; readonly gradient: Float32Array }>;
  release(): Promise<void>;
}

export interface GradientOptions {
  /** Name of the loss; "softmax-cross-entropy" unless told. */
  readonly loss?: string;
  readonly labelSmoothing?: number;
  /** "batch" unless told: see `lowerForTraining`. */
  readonly normalization?: "batch" | "running";
}

/**
 * Opens the gradient of `graph` (one input [N, C, H, W], logits [N, K] first output) with respect to the float32
 * initializers `names`, for batches of `batch` images. For what moves through weight space by rules of its own: curves
 * between networks, the straight-through estimator, learned averages.
 * @throws {ScopeError} unsupported, naming every operator on the way that has no gradient rule
 */
export async function openGradient(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  batch: number,
  options: GradientOptions = {},
): Promise<GradientSource> {
  const loss = pick(lossTable, options.loss ?? "softmax-cross-entropy", "loss");
  const symbol = graph.inputs[0]!.shape[0];
  const fixed = typeof symbol === "string" ? bind(graph, { [symbol]: batch }) : graph;
  const running = options.normalization === "running";
  const lowered = lowerForTraining(fixed, running ? { normalization: "running" } : {});
  if (lowered.masks.length > 0) {
    throw new ScopeError("unsupported", `graph "${graph.name}" has dropout that is active in training`, {
      hint: "export the model in evaluation mode",
    });
  }
  const network = toBlockedLayout(lowered.graph, runtime.block, "training");
  const layout = flatLayout(network, names);
  const statistics = flatLayout(network, running ? runningStatistics(network) : []);

  const g = new Builder(network.opsets[""] ?? 17);
  g.reserve([...network.initializers.keys(), ...network.nodes.flatMap((node) => node.outputs)]);
  for (const [key, text] of Object.entries(network.metadata)) g.note(key, text);
  const input = network.inputs[0]!;
  g.input(input.name, input.dtype, input.shape);
  declareParameters(g, layout);
  declareParameters(g, statistics);
  for (const initializer of network.initializers.values()) {
    if (!g.has(initializer.name)) g.parameter(initializer);
  }
  for (const node of network.nodes) g.add(node);
  const targetShape = g.shape(network.outputs[0]!.name);
  const targets = g.input(port.targets, "float32", targetShape);
  const mean = loss.build(g, network.outputs[0]!.name, targets, {
    labelSmoothing: options.labelSmoothing ?? 0,
  });
  const gradients = differentiate(g, g.nodes.slice(), mean, layout.names);
  const outputs = new Map<string, string>();
  const named = (value: string, name: string): void => {
    const own = g.op("Identity", [value]);
    outputs.set(own, name);
    g.output(own);
  };
  layout.names.forEach((name) => named(gradients.get(name)!, `gradient.${name}`));
  named(mean, port.loss);
  const session = await runtime.session(renameValues(prune(g.finish(`${graph.name} gradient`)), outputs));
  const inputShape = g.shape(input.name);

  const result = new Float32Array(layout.size);
  const value = new Float32Array(1);
  const pieces = unflatten(layout, result);
  const bound = {
    ...Object.fromEntries([...pieces].map(([name, piece]) => [`gradient.${name}`, piece])),
    [port.loss]: float32([], value),
  };
  return {
    layout,
    statistics,
    inputShape,
    targetShape,
    async gradient(theta, now, images, wanted) {
      check("weights", theta, layout.size);
      check("statistics", now, statistics.size);
      check("images", images, sizeOf(inputShape));
      check("targets", wanted, sizeOf(targetShape));
      const run = session.bind(
        {
          [input.name]: float32(inputShape, images),
          [port.targets]: float32(targetShape, wanted),
          ...Object.fromEntries(unflatten(layout, theta)),
          ...Object.fromEntries(unflatten(statistics, now)),
        },
        bound,
      );
      await run.run();
      if (!Number.isFinite(value[0]!)) {
        throw new ScopeError("diverged", `the loss of "${graph.name}" is ${value[0]} here`, {
          hint: "lower the learning rate",
        });
      }
      return { loss: value[0]!, gradient: result };
    },
    release: () => session.release(),
  };

  function check(what: string, found: Float32Array, size: number): void {
    if (found.length === size) return;
    throw new ScopeError("shape", `"${graph.name}" takes ${size} numbers as ${what}, got ${found.length}`);
  }
}

/** The statistics batch normalisation reads, in the order of the graph. */
function runningStatistics(network: Graph): string[] {
  const read = network.nodes
    .filter((node) => node.domain === "" && node.op === "BatchNormalization")
    .flatMap((node) => node.inputs.slice(3, 5));
  return [...new Set(read)].filter((name) => network.initializers.has(name));
}
