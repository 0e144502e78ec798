import { ScopeError } from "../base/error.ts";
import { Builder } from "../graph/builder.ts";
import { floatAttr, type Graph, intAttr, type Node } from "../graph/graph.ts";
import { numbers } from "../tensor/tensor.ts";
import { axesFrom } from "./axes.ts";

/** A running statistic of batch normalisation: the initializer that holds it, and the output that has its next value. */
export interface RunningStatistic {
  /** Name of the initializer, [C]. */
  readonly name: string;
  /** Name of the output, [C]. */
  readonly next: string;
}

/** A mask of dropout, an input of the lowered graph: whoever runs the graph fills it with 0 or `scale`. */
export interface DropoutMask {
  readonly name: string;
  readonly shape: readonly number[];
  /** Share of zeros. */
  readonly ratio: number;
  /** 1 / (1 − ratio), what the other numbers are. */
  readonly scale: number;
}

/** A forward graph made ready to be differentiated for training. */
export interface Lowered {
  /** Outputs: those of the original, then `next` of each statistic. Inputs: those of the original, then the masks. */
  readonly graph: Graph;
  readonly statistics: readonly RunningStatistic[];
  readonly masks: readonly DropoutMask[];
}

export interface LowerOptions {
  /**
   * "batch": batch normalisation with the statistics of the batch, also where the graph has the inference form.
   * "running": frozen, with its running statistics, unless a node itself asks for training. "batch" unless told.
   */
  readonly normalization?: "batch" | "running";
  /** Single batch normalisations that stay as they are, with their running statistics, while others train. */
  readonly frozen?: (node: Node) => boolean;
}

/**
 * Rewrites what behaves differently in training, or what inference kernels lack, into operators that run everywhere and
 * share their parts with the gradient:
 *
 * BatchNormalization → the batch's mean and variance in primitives, and the running statistics' next values,
 *   next = momentum · running + (1 − momentum) · batch. As in ONNX, and unlike PyTorch, the variance that enters the
 *   running statistic is the population's (divided by n, not n − 1), and momentum is the share that is *kept*.
 * Dropout in training mode → a product with a mask that is an input, so that its random numbers come from our streams.
 * Dropout otherwise → nothing.
 * LayerNormalization → the same, with its mean and inverse deviation as outputs, which the gradient reuses.
 *
 * `graph` must have numeric shapes.
 * @throws {ScopeError} unsupported, when a dropout's ratio or mode is computed at run time, or its own mask is used; when
 *   batch normalisation should use the batch's statistics but keeps its running ones nowhere (see `untie` in graph/fold)
 */
export function lowerForTraining(graph: Graph, options: LowerOptions = {}): Lowered {
  const g = new Builder(graph.opsets[""] ?? 17);
  g.reserve(graph.nodes.flatMap((node) => node.outputs));
  for (const input of graph.inputs) g.input(input.name, input.dtype, input.shape);
  for (const initializer of graph.initializers.values()) g.parameter(initializer);
  for (const [key, text] of Object.entries(graph.metadata)) g.note(key, text);
  const used = new Set([
    ...graph.nodes.flatMap((node) => node.inputs),
    ...graph.outputs.map(({ name }) => name),
  ]);
  used.delete("");
  const state: State = {
    g,
    graph,
    used,
    running: new Map(),
    masks: [],
    frozen: (node) => options.normalization === "running" || options.frozen?.(node) === true,
  };
  for (const node of graph.nodes) {
    if (node.domain === "" && node.op === "BatchNormalization" && trains(state, node)) normalize(state, node);
    else if (node.domain === "" && node.op === "Dropout") drop(state, node);
    else if (node.domain === "" && node.op === "LayerNormalization") keepStatistics(state, node);
    else g.add(node);
  }
  const statistics = [...state.running].map(([name, next]): RunningStatistic => ({ name, next }));
  g.output(...graph.outputs.map((output) => output.name), ...statistics.map(({ next }) => next));
  return { graph: g.finish(graph.name), statistics, masks: state.masks };
}

interface State {
  readonly g: Builder;
  readonly graph: Graph;
  readonly used: ReadonlySet<string>;
  /** Latest value of each running statistic, by its initializer. */
  readonly running: Map<string, string>;
  readonly masks: DropoutMask[];
  readonly frozen: (node: Node) => boolean;
}

function trains({ graph, frozen }: State, node: Node): boolean {
  if (intAttr(node, "training_mode", 0) === 1) return true;
  if (frozen(node)) return false;
  const computed = node.inputs.slice(3, 5).find((name) => !graph.initializers.has(name));
  if (computed === undefined) return true;
  throw new ScopeError(
    "unsupported",
    `op "BatchNormalization" (node "${node.name}") cannot be trained: its running statistic "${computed}" is not stored in the model but computed`,
    { hint: "untie the graph's parameters first, or keep the normalisation frozen" },
  );
}

/** y = (x − mean) · (scale / √(variance + ε)) + bias with the batch's own mean and variance. x, y: [N, C, …]. */
function normalize({ g, graph, used, running }: State, node: Node): void {
  const [x = "", scale = "", bias = "", mean = "", variance = ""] = node.inputs;
  const [y = "", nextMean = "", nextVariance = ""] = node.outputs;
  const shape = g.shape(x);
  const channels = shape[1]!;
  const over = [0, ...axesFrom(2, shape.length)];
  const perChannel = shape.map((size, axis) => (axis === 1 ? size : 1));
  const center = g.reduceMean(x, over, true);
  const centred = g.sub(x, center);
  const spread = g.reduceMean(g.mul(centred, centred), over, true);
  const root = g.op("Sqrt", [g.plus(spread, g.scalar(floatAttr(node, "epsilon", 1e-5), g.dtype(x)))]);
  const factor = g.div(g.reshape(scale, perChannel), root);
  g.op("Add", [g.mul(centred, factor), g.reshape(bias, perChannel)], {}, { names: [y] });

  const keep = floatAttr(node, "momentum", 0.9);
  const update = (name: string, now: string, output: string): void => {
    const before = running.get(name) ?? name;
    const mixed = [g.scale(before, keep), g.scale(g.reshape(now, [channels]), 1 - keep)];
    const next = used.has(output) ? g.op("Add", mixed, {}, { names: [output] }) : g.op("Add", mixed);
    if (graph.initializers.has(name)) running.set(name, next);
  };
  update(mean, center, nextMean);
  update(variance, spread, nextVariance);
}

function drop({ g, used, masks }: State, node: Node): void {
  const [x = "", ratioName, modeName] = node.inputs;
  const [y = "", mask = ""] = node.outputs;
  const known = (name: string | undefined, fallback: number): number | undefined => {
    if (!name) return fallback;
    const value = g.value(name);
    return value && numbers(value)[0];
  };
  const ratio = known(ratioName, 0.5);
  const training = known(modeName, 0);
  if (ratio === undefined || training === undefined || used.has(mask)) {
    const why = used.has(mask)
      ? "its mask is used elsewhere in the graph"
      : "its ratio and mode must be constants";
    throw new ScopeError("unsupported", `op "Dropout" (node "${node.name}") cannot be trained: ${why}`);
  }
  if (training === 0 || ratio === 0) {
    g.op("Identity", [x], {}, { names: [y] });
    return;
  }
  const shape = g.shape(x);
  const name = g.input(`${y}.mask`, g.dtype(x), shape);
  masks.push({ name, shape, ratio, scale: ratio === 1 ? 0 : 1 / (1 - ratio) });
  g.op("Mul", [x, name], {}, { names: [y] });
}

function keepStatistics({ g }: State, node: Node): void {
  const [y = "", mean = "", rate = ""] = node.outputs;
  const outputs = [y, mean || g.fresh("layer_mean"), rate || g.fresh("layer_rate")];
  g.add({ ...node, outputs });
}
