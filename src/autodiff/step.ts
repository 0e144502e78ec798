import { pick, ScopeError } from "../base/error.ts";
import { toBlockedLayout } from "../graph/blocked.ts";
import { Builder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { renameValues } from "../graph/rename.ts";
import { prune } from "../graph/topology.ts";
import { differentiate } from "./differentiate.ts";
import { type FlatLayout, flatLayout, perElement } from "./flat.ts";
import { type Lowered, lowerForTraining } from "./lower.ts";
import type { Loss } from "./losses/loss.ts";
import * as losses from "./losses/index.ts";
import type { Optimizer, OptimizerOptions } from "./optimizers/optimizer.ts";
import * as optimizers from "./optimizers/index.ts";

export const lossTable: Readonly<Record<string, Loss>> = losses;
export const optimizerTable: Readonly<Record<string, Optimizer>> = optimizers;

/** Names of a step graph's inputs and outputs; the prefix keeps them apart from the network's own names. */
export const port = {
  theta: "train.theta",
  rate: "train.rate",
  step: "train.step",
  statistics: "train.statistics",
  targets: "train.targets",
  anchor: "train.anchor",
  loss: "train.loss",
  logits: "train.logits",
  slot: (name: string): string => `train.state.${name}`,
} as const;

/** The output that holds the value of an input after the step. */
export function after(name: string): string {
  return `${name}.next`;
}

/** What a training step does, apart from its data. */
export interface StepOptions extends OptimizerOptions {
  readonly loss: string;
  readonly labelSmoothing: number;
  readonly optimizer: string;
  /** Weight decay λ, for parameters where `decays` says so. */
  readonly weightDecay: number;
  /** Largest l2 norm of the whole gradient; a longer one is scaled down to it. None when undefined. */
  readonly clipNorm?: number | undefined;
  /** L2-SP: α/2·‖θ − θ⁰‖² for parameters that have a starting point worth keeping, β/2·‖θ‖² for the head. */
  readonly l2sp?: { readonly alpha: number; readonly beta: number } | undefined;
}

/** What the step must know of each parameter. */
export interface ParameterRole {
  readonly name: string;
  /** Whether weight decay applies to it. */
  readonly decays: boolean;
  /** Factor on the learning rate (layer-wise rates). */
  readonly rateScale: number;
  readonly head: boolean;
}

/** One optimisation step as one graph. */
export interface StepGraph {
  readonly graph: Graph;
  /** Where each trainable parameter lies in `theta`. */
  readonly layout: FlatLayout;
  /** Where each running statistic (batch norm) lies in `statistics`; size 0 when there are none. */
  readonly statistics: FlatLayout;
  /** Names of the optimiser's state vectors, each [P]. */
  readonly slots: readonly string[];
  readonly input: string;
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
  readonly anchored: boolean;
}

/**
 * Builds the training step of a classifier.
 *
 * Inputs (named in `port`): the network's own input [N, …], targets [N, K], theta [P] and, as views of the same memory,
 * every trainable parameter under its own name, the optimiser's slots [P] each, rate and step (scalars), statistics [S] when the network has batch norm, anchor [P] when L2-SP is on.
 * Outputs: `after(…)` of theta, each slot and statistics; loss (scalar, nats) and logits [N, K], both before the update.
 *
 * `forward` has numeric shapes, one input and the logits as its first output. Parameters not listed in `trainable`
 * stay constants of the graph: freezing costs nothing. A batch norm whose scale and shift are both frozen keeps its
 * running statistics, too, and normalises with them. Order of gradient treatment: clip, then L2-SP, then weight decay.
 * L2-SP: Li, Grandvalet and Davoine 2018, arXiv:1802.01483, equation 4.
 *
 * @param block width of the runtime's blocked layout (Runtime.block)
 * @throws {ScopeError} unsupported, naming every operator on the way that has no gradient rule
 */
export function buildStep(
  forward: Graph,
  trainable: readonly ParameterRole[],
  options: StepOptions,
  block: number,
): StepGraph {
  const loss = pick(lossTable, options.loss, "loss");
  const optimizer = pick(optimizerTable, options.optimizer, "optimiser");
  const trained = new Set(trainable.map((parameter) => parameter.name));
  const lowered = lowerForTraining(forward, {
    // Scale and shift both held still: the module is frozen, and its statistics with it.
    frozen: (node) => !trained.has(node.inputs[1]!) && !trained.has(node.inputs[2]!),
  });
  refuseOtherInputs(lowered);
  const statistics = flatLayout(
    lowered.graph,
    lowered.statistics.map((statistic) => statistic.name),
  );
  const network = toBlockedLayout(lowered.graph, block, "training");
  const layout = flatLayout(
    network,
    trainable.map((parameter) => parameter.name),
  );
  const roles = new Map(trainable.map((parameter) => [parameter.name, parameter]));

  const g = new Builder(network.opsets[""] ?? 17);
  g.reserve([...network.initializers.keys(), ...network.nodes.flatMap((node) => node.outputs)]);
  for (const [key, text] of Object.entries(network.metadata)) g.note(key, text);
  const input = network.inputs[0]!;
  const logits = network.outputs[0]!.name;
  g.input(input.name, input.dtype, input.shape);
  const theta = g.input(port.theta, "float32", [layout.size]);
  const slots = optimizer.slots.map((slot) => g.input(port.slot(slot), "float32", [layout.size]));
  const rate = g.input(port.rate, "float32", []);
  const step = g.input(port.step, "float32", []);
  declareParameters(g, layout);
  if (statistics.size > 0) unpack(g, g.input(port.statistics, "float32", [statistics.size]), statistics);
  for (const initializer of network.initializers.values()) {
    if (!g.has(initializer.name)) g.parameter(initializer);
  }
  for (const node of network.nodes) g.add(node);
  const targetShape = g.shape(logits);
  const targets = g.input(port.targets, "float32", targetShape);
  const mean = loss.build(g, logits, targets, options);

  const gradients = differentiate(g, g.nodes.slice(), mean, layout.names);
  const pieces = layout.names.map((name) => g.reshape(gradients.get(name)!, [-1]));
  const raw = pieces.length === 1 ? pieces[0]! : g.op("Concat", pieces, { axis: 0 });
  const clipped = options.clipNorm === undefined ? raw : clip(g, raw, options.clipNorm);
  const gradient =
    options.l2sp === undefined ? clipped : g.plus(clipped, pull(g, theta, layout, roles, options.l2sp));
  const scales = perElement(layout, (name) => roles.get(name)!.rateScale);
  const decays = perElement(layout, (name) => (roles.get(name)!.decays ? options.weightDecay : 0));
  const next = optimizer.update(
    {
      g,
      theta,
      gradient,
      slots,
      rate: scales.shape.length === 0 && scales.data[0] === 1 ? rate : g.mul(g.constant(scales), rate),
      decay: options.weightDecay === 0 ? undefined : g.constant(decays),
      step,
    },
    options,
  );

  const outputs = new Map<string, string>();
  const named = (value: string, name: string): void => {
    const made = !outputs.has(value) && g.nodes.some((node) => node.outputs.includes(value));
    const own = made ? value : g.op("Identity", [value]);
    outputs.set(own, name);
    g.output(own);
  };
  named(next.theta, after(port.theta));
  next.slots.forEach((slot, i) => named(slot, after(port.slot(optimizer.slots[i]!))));
  if (statistics.size > 0) {
    const parts = lowered.statistics.map((statistic) => g.reshape(statistic.next, [-1]));
    named(parts.length === 1 ? parts[0]! : g.op("Concat", parts, { axis: 0 }), after(port.statistics));
  }
  named(mean, port.loss);
  named(logits, port.logits);
  return {
    graph: renameValues(prune(g.finish(`${forward.name} training step`)), outputs),
    layout,
    statistics,
    slots: optimizer.slots,
    input: input.name,
    inputShape: g.shape(input.name),
    targetShape,
    anchored: options.l2sp !== undefined,
  };
}

/** A step feeds a network its images, and nothing else. */
function refuseOtherInputs({ graph, masks }: Lowered): void {
  if (masks.length > 0) {
    throw new ScopeError(
      "unsupported",
      `graph "${graph.name}" has dropout that is active in training (${masks.map((mask) => mask.name).join(", ")}); training steps cannot draw its masks`,
      { hint: "export the model in evaluation mode" },
    );
  }
  if (graph.inputs.length !== 1) {
    const names = graph.inputs.map((input) => input.name).join(", ");
    throw new ScopeError(
      "unsupported",
      `graph "${graph.name}" has ${graph.inputs.length} inputs (${names}); a network to be trained has one, its images`,
    );
  }
}

/**
 * Declares the tensors of a layout as inputs of the graph, under their own names. Whoever runs it feeds views of the one
 * flat vector (`unflatten`): nothing is copied on the way in.
 */
export function declareParameters(g: Builder, layout: FlatLayout): void {
  layout.names.forEach((name, i) => g.input(name, "float32", layout.shapes[i]!));
}

/** Cuts a flat vector into the named tensors of a layout. */
function unpack(g: Builder, flat: string, layout: FlatLayout): void {
  const sizes = layout.names.map((_, i) => layout.offsets[i + 1]! - layout.offsets[i]!);
  const parts =
    sizes.length === 1
      ? [flat]
      : g.ops("Split", [flat, g.ints(sizes)], { axis: 0 }, { outputs: sizes.length });
  parts.forEach((part, i) =>
    g.op("Reshape", [part, g.ints(layout.shapes[i]!)], {}, { names: [layout.names[i]!] }),
  );
}

/** Gradient scaled by min(1, c / ‖g‖₂), Pascanu et al. 2013; 1e-6 keeps a zero gradient zero. */
function clip(g: Builder, gradient: string, norm: number): string {
  const length = g.op("Sqrt", [g.reduceSum(g.mul(gradient, gradient), [0], false)]);
  const factor = g.op("Min", [g.scalar(1), g.div(g.scalar(norm), g.plus(length, g.scalar(1e-6)))]);
  return g.mul(gradient, factor);
}

/** Gradient of the L2-SP penalty: α(θ − θ⁰) away from the head, βθ in it. */
function pull(
  g: Builder,
  theta: string,
  layout: FlatLayout,
  roles: ReadonlyMap<string, ParameterRole>,
  { alpha, beta }: { alpha: number; beta: number },
): string {
  const anchor = g.input(port.anchor, "float32", [layout.size]);
  const towards = g.constant(perElement(layout, (name) => (roles.get(name)!.head ? 0 : alpha)));
  const shrink = g.constant(perElement(layout, (name) => (roles.get(name)!.head ? beta : 0)));
  return g.plus(g.mul(towards, g.sub(theta, anchor)), g.mul(shrink, theta));
}
