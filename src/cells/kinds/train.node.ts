import { z } from "zod";
import type { ParameterRole } from "../../autodiff/step.ts";
import { withWeights } from "../../autodiff/flat.ts";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import type { ImageShape, LoadedData, Split } from "../../data/types.ts";
import { defaultCache, loadData } from "../../data/load.node.ts";
import { Batcher, imageSource } from "../../data/batch.ts";
import { buildModel, initialise, modelSpecSchema } from "../../models/model.ts";
import type { ParameterInfo } from "../../models/types.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { readSafetensors } from "../../safetensors/read.node.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import { addressOf } from "../../store/spec.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { float32, type Tensor } from "../../tensor/tensor.ts";
import { type Evaluation, type Evaluator, openEvaluator } from "../../train/evaluate.ts";
import { evaluationSteps, recipeSchema, totalSteps } from "../../train/recipe.ts";
import { openTrainer, type Trainer, type TrainState } from "../../train/trainer.ts";
import type { TrainResult } from "../train-facts.ts";
import { CheckpointFile, encodeState, readState, type SavedState, stateFile } from "../checkpoint.node.ts";
import { someImages } from "../some-images.ts";

/** Parameters of a training cell: all that decides its bits, besides the input cell it may start from. */
export const trainParams = z.strictObject({
  model: modelSpecSchema,
  data: dataSpecSchema,
  recipe: recipeSchema,
  seeds: z.strictObject({ init: z.int(), head: z.int(), order: z.int(), augmentation: z.int() }),
  /** Whether a head of the starting network is kept (same classes) or drawn anew. Only with an input cell `start`. */
  head: z.enum(["new", "kept"]).default("new"),
  evaluate: z.strictObject({
    split: z.enum(["test", "validation"]),
    /** Number of looks along training; the start and the end are always looked at. */
    count: z.int().min(1),
    /** Images for the looks along the way; all of the split for the last. */
    images: z.int().positive().optional(),
  }),
  /**
   * Updates of the whole schedule after which the cell ends, leaving `state.safetensors` for others to go on from (input
   * `state`). Absent: the whole schedule, and no such file.
   */
  until: z.int().min(0).optional(),
  /** Epochs whose weights are kept, besides the last. */
  keep: z.array(z.number().min(0)).default([]),
  /** A loss that is not a number: the cell fails, or (while choosing a learning rate) that is its result. */
  divergence: z.enum(["fail", "record"]).default("fail"),
});
export type TrainParams = z.infer<typeof trainParams>;

/** Seconds between two checkpoints of a running cell: a kill costs at most this much work. */
const checkpointSeconds = 5;

/**
 * Trains a network and evaluates it along the way: from random weights, from another cell's weights (input `start`), or
 * from another cell's whole state (input `state`), whose step, optimiser state and place in the schedule it takes over.
 * A cell that goes on from a state with the seeds it was made with ends with the same bits as a run in one piece.
 */
export const trainCell: CellKind = {
  kind: "train",
  version: 1,
  estimate(raw) {
    const params = trainParams.parse(raw);
    const { recipe, evaluate, data } = params;
    // In images trained on. An image that is only looked at costs a third: no gradients.
    const looked = evaluate.count * (evaluate.images ?? 1000);
    const total = totalSteps(recipe, data.trainSize ?? 50_000);
    return { steps: Math.min(total, params.until ?? total) * recipe.batch + looked / 3 };
  },
  run,
};

async function run(context: CellContext): Promise<Json> {
  const params = trainParams.parse(context.params);
  const data = await loadData(params.data, { cache: defaultCache(), signal: context.signal });
  const { classes } = data;
  const model = buildModel(params.model, { ...shapeOf(data), classes: classes.length });
  const parent = await parentState(context, params);
  const weights = await startingWeights(context, params, model.parameters, parent);
  const graph = withWeights(model.graph, weights);
  const roles = trainableRoles(model.parameters, params.recipe.freeze, params.recipe.rates);
  const total = totalSteps(params.recipe, data.train.count);
  const end = endOf(params, total, parent);

  const runtime = await openRuntime(context.device as Device);
  const batcher = new Batcher(data, data.train, {
    batch: params.recipe.batch,
    orderSeed: params.seeds.order,
    augmentationSeed: params.seeds.augmentation,
    augment: params.recipe.augment,
  });
  const trainer = await openTrainer(runtime, graph, roles, params.recipe, total, batcher);
  const split = data[params.evaluate.split];
  if (split.count === 0)
    throw new ScopeError(
      "data",
      `data set "${params.data.set}" has no ${params.evaluate.split} images to evaluate on`,
    );
  const names = [...trainer.layout.names, ...trainer.statistics.names];
  const evaluator = await openEvaluator(runtime, graph, names, Math.min(256, split.count));
  const look = lookAt(evaluator, data, split, params.evaluate.images);

  const checkpoint = new CheckpointFile(context, trainer);
  const resumed = context.resumed ? await checkpoint.read() : undefined;
  const origin = parent === undefined ? trainer.start() : fitting(parent, trainer);
  let state = resumed?.state ?? origin;
  if (resumed !== undefined) context.metrics.truncateTo(resumed.lines);
  const looks = [...evaluationSteps(total, params.evaluate.count), end].filter((step) => step <= end);
  const perEpoch = Math.max(1, Math.floor(data.train.count / params.recipe.batch));
  const keeps = new Set(params.keep.map((epoch) => Math.min(total, Math.round(epoch * perEpoch))));
  const provenance = { cell: addressOf(context.spec), model: JSON.stringify(params.model) };
  const keepWeights = async (): Promise<void> => {
    const file = `${context.dir}/weights-step-${String(state.step).padStart(7, "0")}.safetensors`;
    await writeSafetensors(
      file,
      allWeights(weights, trainer.weights(state)),
      { ...provenance, step: String(state.step) },
      { overwrite: true },
    );
  };

  let final: Evaluation = { loss: 0, accuracy: 0, correct: new Uint8Array(0) };
  /** The last state whose logits were seen to be numbers, and the metric lines until there. */
  let good = { state, lines: context.metrics.lines };
  /** The last state a resumed run can go on from: all looks and kept weights up to its step are done. */
  let safe = good;
  try {
    if (state.step === origin.step && context.metrics.lines === 0) {
      const first = await look(vector(state), false, context.signal);
      context.metrics.append({ step: state.step, loss: first.loss, accuracy: first.accuracy });
      if (keeps.has(state.step)) await keepWeights();
    }
    safe = good = { state, lines: context.metrics.lines };
    const stops = [...new Set([...looks, ...keeps])]
      .filter((step) => step === end || (step > origin.step && step < end))
      .toSorted((a, b) => a - b);
    let saved = performance.now();
    for (const stop of stops) {
      // A state saved exactly at a stop has been looked at already, unless it is the last: the result needs that look.
      if (stop < state.step || (stop === state.step && stop < end)) continue;
      while (state.step < stop) {
        const until = Math.min(stop, state.step + 50);
        state = await trainer.advance(
          state,
          until,
          (step) => context.progress({ done: step, total: end, unit: "steps" }),
          context.signal,
        );
        if (state.step < stop) safe = { state, lines: context.metrics.lines };
        if (performance.now() - saved > checkpointSeconds * 1000 && state.step < stop) {
          await checkpoint.write(state, context.metrics.lines);
          saved = performance.now();
        }
      }
      if (looks.includes(stop)) {
        final = await look(vector(state), stop === end, context.signal);
        if (state.lossCount > 0) {
          context.metrics.append({
            step: stop,
            trainLoss: state.lossSum / state.lossCount,
            loss: final.loss,
            accuracy: final.accuracy,
          });
          state = { ...state, lossSum: 0, lossCount: 0 };
        }
        good = { state, lines: context.metrics.lines };
      }
      if (keeps.has(stop)) await keepWeights();
      safe = { state, lines: context.metrics.lines };
      if (performance.now() - saved > checkpointSeconds * 1000 && stop < end) {
        await checkpoint.write(state, context.metrics.lines);
        saved = performance.now();
      }
    }
  } catch (error) {
    // What cannot be kept now costs time, not the result.
    if (context.signal.aborted) await checkpoint.write(safe.state, safe.lines).catch(() => undefined);
    if (!(error instanceof ScopeError) || error.fault !== "diverged") throw error;
    if (params.divergence === "record") {
      return resultOf(data, split, trainer.layout.size, state.step, { ...final, accuracy: 0 }, state.step);
    }
    await checkpoint.write(good.state, good.lines);
    throw diverged(
      error,
      state.step,
      total,
      params.recipe.learningRate,
      `step ${good.state.step}, are in ${checkpoint.path}`,
    );
  } finally {
    // A worker goes on to other cells after one that failed.
    await trainer.release();
    await evaluator.release();
  }

  await writeSafetensors(
    `${context.dir}/weights.safetensors`,
    allWeights(weights, trainer.weights(state)),
    { ...provenance, step: String(end) },
    { overwrite: true },
  );
  if (params.until !== undefined)
    await context.write(stateFile, encodeState(state, anchorOf(params, trainer, weights)));
  const correct: Tensor = { dtype: "uint8", shape: [split.count], data: final.correct };
  await writeSafetensors(`${context.dir}/correct.safetensors`, new Map([["correct", correct]]), provenance, {
    overwrite: true,
  });
  return resultOf(data, split, trainer.layout.size, end, final);
}

function resultOf(
  data: LoadedData,
  split: Split,
  parameters: number,
  steps: number,
  { accuracy, loss }: Pick<Evaluation, "accuracy" | "loss">,
  divergedAfter?: number,
): Json {
  const result: TrainResult = {
    accuracy,
    loss,
    images: split.count,
    steps,
    trainImages: data.train.count,
    parameters,
    classes: data.classes,
    data: data.fingerprint,
    ...(divergedAfter === undefined ? {} : { divergedAfter }),
  };
  return { ...result };
}

/** The training loop names the step itself; a look at the network after a step does not. */
function diverged(error: ScopeError, step: number, total: number, rate: number, kept: string): ScopeError {
  const message = error.message.includes(" at step ")
    ? error.message
    : `${error.message} after step ${step} of ${total} (learning rate ${rate})`;
  const advice = error.hint ?? "lower the learning rate, add warm-up or clip the gradient";
  return new ScopeError("diverged", message, {
    hint: `${advice}; the last good weights, of ${kept}`,
    cause: error,
  });
}

function shapeOf({ channels, height, width }: ImageShape): ImageShape {
  return { channels, height, width };
}

/** Parameters and statistics side by side, in the order the evaluator takes them. */
function vector(state: TrainState): Float32Array {
  const all = new Float32Array(state.theta.length + state.statistics.length);
  all.set(state.theta);
  all.set(state.statistics, state.theta.length);
  return all;
}

function lookAt(evaluator: Evaluator, data: LoadedData, split: Split, some: number | undefined) {
  const part = some === undefined || some >= split.count ? split : someImages(split, some);
  return (weights: Float32Array, whole: boolean, signal: AbortSignal) =>
    evaluator.evaluate(weights, imageSource(whole ? split : part, data), signal);
}

/** Frozen parameters keep their starting values; trained ones (and statistics) their present ones. */
function allWeights(
  start: ReadonlyMap<string, Tensor>,
  now: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  return new Map([...start, ...now]);
}

/**
 * The state the cell goes on from, when it has the input `state`.
 * @throws {ScopeError} usage, when the parameters contradict such an input
 */
async function parentState(context: CellContext, params: TrainParams): Promise<SavedState | undefined> {
  const { inputs } = context.spec;
  if (inputs["state"] === undefined) return undefined;
  if (inputs["start"] !== undefined) {
    throw new ScopeError("usage", "a training cell takes the input start or the input state, not both");
  }
  if (params.head === "new") {
    throw new ScopeError("usage", "a training run that goes on from a state keeps its head", {
      hint: 'say head: kept, or start a new run from the weights (input "start")',
    });
  }
  const file = context.input("state").file(stateFile);
  const saved = await readState(file);
  if (params.recipe.l2sp !== undefined && saved.anchor === undefined) {
    throw new ScopeError(
      "usage",
      `${file}: the recipe pulls towards a starting point (l2sp), the state has none`,
      {
        hint: "go on from a run with l2sp, or leave it out",
      },
    );
  }
  return saved;
}

/** Where the cell ends, in updates. @throws {ScopeError} usage, when that is beyond the schedule or before the state */
function endOf({ until }: TrainParams, total: number, parent: SavedState | undefined): number {
  const begin = parent?.state.step ?? 0;
  const end = until ?? total;
  if (end > total || end < begin) {
    throw new ScopeError(
      "usage",
      `the run should end after ${end} updates, but its schedule has ${total} and it begins at ${begin}`,
      { hint: "mend until, or the steps or epochs of the recipe" },
    );
  }
  return end;
}

/** A parent's state, checked to be one of this network and optimiser. */
function fitting({ state }: SavedState, trainer: Trainer): TrainState {
  const own = trainer.start();
  const sizes = ({ theta, statistics, slots }: TrainState): string =>
    `${theta.length} trained numbers, ${statistics.length} running statistics, ${slots.length} optimiser slots`;
  if (sizes(state) !== sizes(own)) {
    throw new ScopeError("shape", `the state has ${sizes(state)}, the run needs ${sizes(own)}`, {
      hint: "a run goes on with the same network, frozen modules and optimiser",
    });
  }
  return state;
}

/** The weights L2-SP pulls towards, for those who go on from here. */
function anchorOf(
  { recipe }: TrainParams,
  { layout }: Trainer,
  start: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> | undefined {
  return recipe.l2sp && new Map(layout.names.map((name) => [name, start.get(name)!]));
}

/**
 * Fresh weights, with everything but the head replaced by the starting cell's when there is one. With a parent's state,
 * the weights its training began at (as far as they matter: for L2-SP) and those it did not train.
 */
async function startingWeights(
  context: CellContext,
  params: TrainParams,
  parameters: readonly ParameterInfo[],
  parent: SavedState | undefined,
): Promise<Map<string, Tensor>> {
  const fresh = initialise(parameters, { init: params.seeds.init, head: params.seeds.head });
  const weights = new Map(parameters.map((info) => [info.name, float32(info.shape, fresh.get(info.name)!)]));
  const source = parent === undefined ? "start" : "state";
  if (context.spec.inputs[source] === undefined) return weights;
  const file = context.input(source).file("weights.safetensors");
  const { tensors } = await readSafetensors(file);
  for (const info of parameters) {
    if (info.head && params.head === "new") continue;
    const found = tensors.get(info.name);
    if (found === undefined || found.shape.join() !== info.shape.join()) {
      throw new ScopeError(
        "shape",
        `${file}: parameter "${info.name}" should be [${info.shape.join(", ")}], found ${found ? `[${found.shape.join(", ")}]` : "nothing"}`,
        {
          hint: "pretrained and fine-tuned networks need the same architecture and image size",
        },
      );
    }
    weights.set(info.name, found.load());
  }
  for (const [name, value] of parent?.anchor ?? []) weights.set(name, value);
  return weights;
}

/**
 * The parameters a recipe trains, with their rates.
 * @throws {ScopeError} usage, when a pattern matches no module
 */
export function trainableRoles(
  parameters: readonly ParameterInfo[],
  freeze: readonly string[],
  rates: Readonly<Record<string, number>>,
): ParameterRole[] {
  const inModule = (info: ParameterInfo, pattern: string): boolean =>
    info.name === pattern || info.name.startsWith(`${pattern}.`);
  for (const pattern of [...freeze, ...Object.keys(rates)]) {
    if (!parameters.some((info) => inModule(info, pattern))) {
      throw new ScopeError("usage", `no module is called "${pattern}"`, {
        hint: `modules: ${[...new Set(parameters.map((info) => info.module))].join(", ")}`,
      });
    }
  }
  return parameters
    .filter((info) => info.role === "trainable" && !freeze.some((pattern) => inModule(info, pattern)))
    .map((info) => ({
      name: info.name,
      decays: info.decay,
      head: info.head,
      rateScale: Object.entries(rates).reduce(
        (scale, [pattern, factor]) => (inModule(info, pattern) ? scale * factor : scale),
        info.lrScale,
      ),
    }));
}
