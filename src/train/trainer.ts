import { flatten, unflatten } from "../autodiff/flat.ts";
import { after, buildStep, type ParameterRole, port, type StepGraph } from "../autodiff/step.ts";
import { ScopeError } from "../base/error.ts";
import { bind } from "../graph/bind.ts";
import type { Graph } from "../graph/graph.ts";
import type { Runtime } from "../runtime/session.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { type Recipe, rateFactor } from "./recipe.ts";

/** Batches by step number, so that a resumed run sees the same images as one that was never stopped. */
export interface BatchSource {
  /** Fills images [B, C, H, W] and targets [B, K] of step t (from 0). */
  fill(t: number, images: Float32Array, targets: Float32Array): void;
}

/** Everything a run is at some moment: with the recipe and the seeds, all its future follows. */
export interface TrainState {
  /** Updates done. */
  readonly step: number;
  /** Trainable parameters, [P]. */
  readonly theta: Float32Array;
  /** Optimiser state, one [P] a slot. */
  readonly slots: readonly Float32Array[];
  /** Running statistics of batch norm, [S]. */
  readonly statistics: Float32Array;
  /** Sum and number of the training losses since they were last reported. */
  readonly lossSum: number;
  readonly lossCount: number;
}

export interface Trainer {
  readonly layout: StepGraph["layout"];
  readonly statistics: StepGraph["statistics"];
  /** The state before the first step: parameters from the graph's initializers, zero optimiser state. */
  start(): TrainState;
  /** Goes on from `state` to `until` updates, calling `each` after every update. Resolves with the state there. */
  advance(
    state: TrainState,
    until: number,
    each: (step: number, loss: number) => void,
    signal?: AbortSignal,
  ): Promise<TrainState>;
  /** The named parameters and statistics of a state (sharing its memory). */
  weights(state: TrainState): Map<string, Tensor>;
  release(): Promise<void>;
}

/**
 * Opens a trainer for `graph` (one input [N, C, H, W], logits [N, K]; weights are its initializers).
 * One ONNX Runtime call is one step; parameters and optimiser state live in two sets of buffers that take turns, so no
 * step copies them. The same arguments give the same bits on the same machine, however often the run is interrupted.
 *
 * @param total steps of the whole run, which the schedule is stretched over
 * @throws {ScopeError} unsupported, when an operator cannot be differentiated
 */
export async function openTrainer(
  runtime: Runtime,
  graph: Graph,
  roles: readonly ParameterRole[],
  recipe: Recipe,
  total: number,
  source: BatchSource,
): Promise<Trainer> {
  const symbol = graph.inputs[0]!.shape[0];
  const fixed = typeof symbol === "string" ? bind(graph, { [symbol]: recipe.batch }) : graph;
  const step = buildStep(fixed, roles, recipe, runtime.block);
  const session = await runtime.session(step.graph);
  const { layout, statistics } = step;

  const images = new Float32Array(sizeOf(step.inputShape));
  const targets = new Float32Array(sizeOf(step.targetShape));
  const rate = new Float32Array(1);
  const count = new Float32Array(1);
  const loss = new Float32Array(1);
  const logits = new Float32Array(sizeOf(step.targetShape));
  const initial = new Map(
    [...layout.names, ...statistics.names].map((name) => [name, graph.initializers.get(name)!.load()]),
  );
  const anchor = step.anchored ? flatten(layout, initial) : undefined;
  const sides = [0, 1].map(() => ({
    theta: new Float32Array(layout.size),
    slots: step.slots.map(() => new Float32Array(layout.size)),
    statistics: new Float32Array(statistics.size),
  }));
  type Side = (typeof sides)[number];
  const carried = (side: Side, name: (input: string) => string): Record<string, Tensor> => ({
    [name(port.theta)]: float32([layout.size], side.theta),
    ...Object.fromEntries(
      step.slots.map((slot, i) => [name(port.slot(slot)), float32([layout.size], side.slots[i]!)]),
    ),
    ...(statistics.size > 0 ? { [name(port.statistics)]: float32([statistics.size], side.statistics) } : {}),
  });
  const runs = [0, 1].map((from) =>
    session.bind(
      {
        [step.input]: float32(step.inputShape, images),
        [port.targets]: float32(step.targetShape, targets),
        [port.rate]: float32([], rate),
        [port.step]: float32([], count),
        ...(anchor ? { [port.anchor]: float32([layout.size], anchor) } : {}),
        ...carried(sides[from]!, (input) => input),
        ...Object.fromEntries(unflatten(layout, sides[from]!.theta)),
      },
      {
        [port.loss]: float32([], loss),
        [port.logits]: float32(step.targetShape, logits),
        ...carried(sides[1 - from]!, after),
      },
    ),
  );

  return {
    layout,
    statistics,
    start: () => ({
      step: 0,
      theta: flatten(layout, initial),
      slots: step.slots.map(() => new Float32Array(layout.size)),
      statistics: flatten(statistics, initial),
      lossSum: 0,
      lossCount: 0,
    }),
    async advance(state, until, each, signal) {
      let side = 0;
      sides[0]!.theta.set(state.theta);
      state.slots.forEach((slot, i) => sides[0]!.slots[i]!.set(slot));
      sides[0]!.statistics.set(state.statistics);
      let { lossSum, lossCount } = state;
      for (let t = state.step; t < until; t++) {
        signal?.throwIfAborted();
        source.fill(t, images, targets);
        rate[0] = recipe.learningRate * rateFactor(recipe.schedule, t, total);
        count[0] = t + 1;
        await runs[side]!.run();
        side = 1 - side;
        const value = loss[0]!;
        if (!Number.isFinite(value)) {
          throw new ScopeError(
            "diverged",
            `the training loss is ${value} at step ${t + 1} of ${total} (learning rate ${rate[0]!.toPrecision(3)})`,
            {
              hint: "lower the learning rate, add warm-up or clip the gradient",
            },
          );
        }
        lossSum += value;
        lossCount++;
        each(t + 1, value);
      }
      const now = sides[side]!;
      return {
        step: Math.max(until, state.step),
        theta: now.theta.slice(),
        slots: now.slots.map((slot) => slot.slice()),
        statistics: now.statistics.slice(),
        lossSum,
        lossCount,
      };
    },
    weights: (state) =>
      new Map([...unflatten(layout, state.theta), ...unflatten(statistics, state.statistics)]),
    release: () => session.release(),
  };
}
