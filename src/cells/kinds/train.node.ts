import { withWeights } from "../../autodiff/flat.ts";
import type { ParameterRole } from "../../autodiff/step.ts";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import type { ImageShape, LoadedData, Split } from "../../data/types.ts";
import { defaultCache, loadData } from "../../data/load.node.ts";
import { Batcher, imageSource } from "../../data/batch.ts";
import type { ParameterInfo } from "../../models/types.ts";
import { writeModel } from "../../onnx/write.node.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import { addressOf } from "../../store/spec.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Evaluation, type Evaluator, openEvaluator } from "../../train/evaluate.ts";
import { evaluationSteps, totalSteps } from "../../train/recipe.ts";
import { openTrainer, type Trainer, type TrainState } from "../../train/trainer.ts";
import type { TrainResult } from "../train-facts.ts";
import { CheckpointFile, encodeState, readState, type SavedState, stateFile } from "../checkpoint.node.ts";
import { type BeginningInputs, beginningOf } from "../beginning.node.ts";
import { metadataOf, otherNotes } from "../model-facts.ts";
import { someImages } from "../some-images.ts";
import { trainParams, type TrainParams } from "../train-params.ts";
import { givenFile } from "../trained.node.ts";

export { trainParams, type TrainParams } from "../train-params.ts";

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
  const parent = await parentState(context, params);
  const { graph, parameters, weights } = await beginningOf(
    params,
    { ...shapeOf(data), classes: classes.length },
    inputsOf(context),
    parent,
  );
  const roles = trainableRoles(parameters, params.recipe.freeze, params.recipe.rates);
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
  if (params.model.arch === "given") {
    const metadata = {
      ...otherNotes(graph.metadata),
      ...metadataOf(params.data, classes, addressOf(context.spec)),
    };
    await writeModel(
      { ...withWeights(graph, trainer.weights(state)), metadata },
      `${context.dir}/${givenFile}`,
      { overwrite: true },
    );
  }
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

/** The cells it begins from. */
function inputsOf(context: CellContext): BeginningInputs {
  const { start, state } = context.spec.inputs;
  return {
    start: start === undefined ? undefined : context.input("start"),
    state: state === undefined ? undefined : context.input("state"),
  };
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
 * The parameters a recipe trains, with their rates.
 * @throws {ScopeError} usage, when a pattern matches no module
 */
export function trainableRoles(
  parameters: readonly ParameterInfo[],
  freeze: readonly string[],
  rates: Readonly<Record<string, number>>,
): ParameterRole[] {
  // Ours are named by their modules; others' names may have nothing to do with them.
  const inModule = (info: ParameterInfo, pattern: string): boolean =>
    [info.name, info.module].some((name) => name === pattern || name.startsWith(`${pattern}.`));
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
