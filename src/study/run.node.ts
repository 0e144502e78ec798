import { ScopeError } from "../base/error.ts";
import { costOf } from "../basin/cost.node.ts";
import { modelSentence } from "../basin/model-sentence.ts";
import type { StudyBasin } from "../basin/results.ts";
import { type BasinEnv, computeCells, type PlannedCell, plannedCell } from "../basin/sweep.node.ts";
import { type DataPlan, loadData, planData } from "../data/load.node.ts";
import type { DataEnv, DataSpec } from "../data/types.ts";
import { describe as describeModel } from "../models/describe.ts";
import { buildModel } from "../models/model.ts";
import { addressOf, type CellSpec } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import { type Rates, sweepGraph } from "../sweep/graph.ts";
import { type Plan, planGraph } from "../sweep/plan.ts";
import { measuredRates } from "../sweep/rates.node.ts";
import { doneIn } from "../sweep/run.node.ts";
import * as kinds from "../cells/kinds/index.ts";
import { trainableRoles } from "../cells/kinds/train.node.ts";
import { basinCells, type BasinFacts, readBasin, type RunOf } from "./basins.node.ts";
import { type FinishedRun, chooseRates, collectResults } from "./collect.ts";
import { checkStudy, type StudyConfig } from "./config.ts";
import { type PlannedCriticality, planStudyCriticality } from "./criticality.node.ts";
import { type PlannedRun, pretrainingRun, reportedRuns, tuningRuns } from "./plan.ts";
import type { Examples, StudyCost, StudyResults } from "./results.ts";
import { measureTraining, type Trial } from "../cells/measure.node.ts";
import type { TrainLook, TrainResult } from "../cells/train-facts.ts";

/** What running a study needs from the caller. */
export interface StudyEnv extends BasinEnv {
  /** Seconds per image that `planStudy` found, to save measuring them again. */
  readonly secondsPerImage?: number | undefined;
}

export interface StudyOutcome {
  readonly results: StudyResults;
  readonly cost: StudyCost;
  readonly examples: Examples;
}

/** How many cells a study has of each phase, and what is left to do. */
export interface StudyPlan {
  readonly plan: Plan;
  /** Seconds for each image trained on that the estimate rests on: from finished cells of the study, else from a trial. */
  readonly secondsPerImage: number;
  /** Memory of all workers together, bytes: what a trial took, and the largest data set of the study. 0 when all is done. */
  readonly bytes: number;
}

/**
 * Runs a study, or what is missing of it, and puts its results together. First the pretraining run and the runs that
 * choose learning rates; then, at the chosen rates, the reported runs. Everything finished before is taken from the store.
 * @throws {ScopeError} as `runGraph`, `loadData` and `checkStudy`; cancelled, when stopped (the same command goes on)
 */
export async function runStudy(config: StudyConfig, env: StudyEnv): Promise<StudyOutcome> {
  const begun = performance.now();
  const image = await imageOf(config, env.data);
  const pretraining = specOf(pretrainingRun(config));
  const tuning = tuningRuns(config).map((run) => specOf(run, pretraining.spec));
  const rates = await ratesFor([pretraining, ...tuning], config, image, env);
  const computed = { cells: 0 };
  await compute([pretraining, ...tuning], rates, env, computed);
  const tuned = await Promise.all(tuning.map((one) => read(env.store, one)));
  const reported = reportedRuns(config, chooseRates(config, tuned)).map((run) =>
    specOf(run, pretraining.spec),
  );
  const paths = basinCells(config, image.basin, runsBy(reported));
  const critical = await criticalityOf(config, image, env.store, reported);
  const looks = [...paths, ...(critical?.cells ?? [])];
  await compute([...reported, ...looks], rates, env, computed);

  const done = await Promise.all(reported.map((one) => read(env.store, one)));
  const basin = await basinOf(config, image, env.store, reported, done);
  const results = collectResults(
    {
      config,
      description: modelSentence(config.model, { ...image.shape, classes: image.classes }),
      image: image.shape,
    },
    await read(env.store, pretraining),
    tuned,
    done,
    basin,
    await critical?.read(),
  );
  const all = [pretraining, ...tuning, ...reported, ...looks];
  return {
    results,
    examples: await examplesOf(config, env.data),
    cost: await costOf(
      all.map(({ address }) => address),
      computed.cells,
      begun,
      env,
    ),
  };
}

/** What a study would do, without doing it. Data are prepared (their sizes decide the plan), nothing is trained. */
export async function planStudy(config: StudyConfig, env: StudyEnv): Promise<StudyPlan> {
  const image = await imageOf(config, env.data);
  const pretraining = specOf(pretrainingRun(config));
  const tuning = tuningRuns(config).map((run) => specOf(run, pretraining.spec));
  // The chosen rates are not known before tuning, but the number and size of the runs are.
  const tuned = await Promise.all(
    tuning.map(async (one) => ((await env.store.has(one.address)) ? await read(env.store, one) : undefined)),
  );
  const known = tuned.every((one) => one !== undefined);
  const rateOf = known ? chooseRates(config, tuned) : () => config.learningRates[0]!;
  const reported = reportedRuns(config, rateOf).map((run) => specOf(run, pretraining.spec));
  const paths = basinCells(config, image.basin, runsBy(reported));
  const critical = await criticalityOf(config, image, env.store, reported);
  const all = [pretraining, ...tuning, ...reported, ...paths, ...(critical?.cells ?? [])];
  const rates = await ratesFor(all, config, image, env);
  const graph = sweepGraph(
    all.map((one) => one.spec),
    { kinds, rates, label: labelOf(all) },
  );
  const plan = planGraph(graph, await doneIn(env.store, graph), env.jobs);
  return {
    plan,
    secondsPerImage: rates["train"] ?? 0,
    bytes: plan.done === plan.total ? 0 : await memoryFor(config, image, env),
  };
}

async function memoryFor(config: StudyConfig, image: ImageFacts, env: StudyEnv): Promise<number> {
  const { bytes } = await trial(config, image, env.device);
  const { channels, height, width } = image.shape;
  return env.jobs * (bytes + image.images * channels * height * width);
}

const trials = new Map<string, Promise<Trial>>();

/** One trial a network and process: it serves the estimate of time and that of memory. */
function trial(config: StudyConfig, image: ImageFacts, device: string): Promise<Trial> {
  const key = JSON.stringify([config.model, config.downstream.recipe, image, device]);
  const kept =
    trials.get(key) ??
    measureTraining(
      config.model,
      config.downstream.recipe,
      { ...image.shape, classes: image.classes },
      device,
    );
  trials.set(key, kept);
  return kept;
}

/** A planned training run as a cell. */
interface Named extends PlannedCell {
  readonly planned: PlannedRun;
}

interface ImageFacts {
  readonly shape: StudyResults["image"];
  /** Of the downstream task. */
  readonly classes: number;
  /** Of the larger task. */
  readonly images: number;
  readonly basin: BasinFacts;
}

function specOf(planned: PlannedRun, pretraining?: CellSpec): Named {
  const inputs = planned.startsFromPretrained && pretraining ? { start: addressOf(pretraining) } : {};
  return { planned, ...plannedCell(kinds.train, planned.params, inputs, nameOf(planned)) };
}

function labelOf(cells: readonly PlannedCell[]): (spec: CellSpec) => string {
  const labels = new Map(cells.map(({ address, label }) => [address, label]));
  return (spec) => labels.get(addressOf(spec)) ?? spec.kind;
}

/** The reported runs on intact images, by arm and seed. */
function runsBy(reported: readonly Named[]): RunOf {
  const found = new Map(
    reported.flatMap((one) =>
      one.planned.shuffle === "none" ? [[`${one.planned.arm} ${one.planned.seed}`, one] as const] : [],
    ),
  );
  return ({ arm, seed }) => found.get(`${arm} ${seed}`)!;
}

/** The chapter on basins, from finished paths. */
async function basinOf(
  config: StudyConfig,
  { basin }: ImageFacts,
  store: Store,
  reported: readonly Named[],
  done: readonly FinishedRun[],
): Promise<StudyBasin | undefined> {
  const runOf = runsBy(reported);
  const results = new Map(done.map((run) => [run.cell, run.result]));
  return await readBasin(config, basin, store, runOf, {
    parameters: done[0]!.result.parameters,
    accuracyOf: (member) => results.get(runOf(member).address)!.accuracy,
  });
}

/** The chapter on criticality, planned. */
function criticalityOf(
  config: StudyConfig,
  { shape, classes, basin }: ImageFacts,
  store: Store,
  reported: readonly Named[],
): Promise<PlannedCriticality | undefined> {
  const facts = { io: { ...shape, classes }, trainImages: basin.counts.train };
  return planStudyCriticality(config, facts, store, runsBy(reported));
}

function nameOf({ role, arm, shuffle, seed, learningRate }: PlannedRun): string {
  if (role === "pretraining") return "pretrain";
  const images =
    shuffle === "none" ? "intact" : shuffle === "pixel" ? "pixels shuffled" : `${shuffle}×${shuffle} blocks`;
  return role === "tuning"
    ? `tune ${arm}, ${images}, rate ${learningRate}`
    : `${arm}, ${images}, seed ${seed}`;
}

async function compute(
  cells: readonly PlannedCell[],
  rates: Rates,
  env: StudyEnv,
  computed: { cells: number },
): Promise<void> {
  computed.cells += await computeCells(cells, env, rates);
}

async function read(store: Store, { planned, address }: Named): Promise<FinishedRun> {
  const cell = await store.get(address);
  return {
    planned,
    cell: address,
    result: cell.result() as unknown as TrainResult,
    looks: cell.metrics() as unknown as TrainLook[],
  };
}

/** What both tasks' images have in common. Brings them into the cache before any worker starts: fetched once, with progress. */
async function imageOf(config: StudyConfig, data: DataEnv): Promise<ImageFacts> {
  const upstream = await planData(config.upstream.data, data);
  const downstream = await planData(config.downstream.data, data);
  for (const key of ["channels", "height", "width"] as const) {
    if (upstream[key] === downstream[key]) continue;
    throw new ScopeError(
      "usage",
      `upstream images have ${key} ${upstream[key]}, downstream images ${downstream[key]}: one network cannot take both`,
      {
        hint: `set ${key}: ${upstream[key]} under downstream.data`,
      },
    );
  }
  const { channels, height, width, classes } = downstream;
  checkStudy(config, { height, width });
  for (const task of ["upstream", "downstream"] as const) checkModules(config, task, upstream);
  const sizes = [upstream, downstream].map(({ counts }) => counts.train + counts.validation + counts.test);
  const io = { channels, height, width, classes: classes.length };
  const { parameters } = buildModel(config.model, io);
  const batchNorm = parameters.some(({ role }) => role === "statistic");
  return {
    shape: { channels, height, width },
    classes: classes.length,
    images: Math.max(...sizes),
    basin: {
      counts: downstream.counts,
      batchNorm,
      multiplyAdds: describeModel(buildModel(config.model, io)).multiplyAdds,
    },
  };
}

/** Refuses a recipe that names modules the network lacks, before hours of work end with it. */
function checkModules(config: StudyConfig, task: "upstream" | "downstream", data: DataPlan): void {
  const { channels, height, width, classes } = data;
  const { parameters } = buildModel(config.model, { channels, height, width, classes: classes.length });
  const { freeze, rates } = config[task].recipe;
  try {
    trainableRoles(parameters, freeze, rates);
  } catch (cause) {
    if (!(cause instanceof ScopeError)) throw cause;
    throw new ScopeError(cause.fault, `${task}.recipe: ${cause.message}`, { hint: cause.hint, cause });
  }
}

/** Seconds per step: from finished cells where there are some, else from a trial of a few steps. */
async function ratesFor(
  named: readonly PlannedCell[],
  config: StudyConfig,
  image: ImageFacts,
  env: StudyEnv,
): Promise<Rates> {
  const graph = sweepGraph(
    named.map((one) => one.spec),
    { kinds },
  );
  const measured = await measuredRates(env.store, graph);
  if (measured["train"] !== undefined) return measured;
  if (env.secondsPerImage !== undefined && env.secondsPerImage > 0) return { train: env.secondsPerImage };
  const done = await doneIn(env.store, graph);
  if (done.size === graph.cells.size) return {};
  return { train: (await trial(config, image, env.device)).secondsPerImage };
}

/** A few test images of the downstream task under each shuffle, spread over the classes. */
async function examplesOf(config: StudyConfig, data: DataEnv): Promise<Examples> {
  const seed = config.seeds[0]!;
  const wanted = 6;
  let names: string[] = [];
  const rows: { shuffle: StudyConfig["shuffles"][number]; images: Uint8Array }[] = [];
  for (const shuffle of config.shuffles) {
    const spec: DataSpec = {
      ...config.downstream.data,
      trainSize: 2 * wanted,
      testSize: 200,
      ...(shuffle === "none" ? {} : { shuffle: { block: shuffle, seed } }),
    };
    const { test, classes } = await loadData(spec, data);
    const size = test.images.length / test.count;
    const chosen = spread(test.labels, classes.length, Math.min(wanted, test.count));
    names = chosen.map((index) => classes[test.labels[index]!]!);
    const images = new Uint8Array(chosen.length * size);
    chosen.forEach((index, i) =>
      images.set(test.images.subarray(index * size, (index + 1) * size), i * size),
    );
    rows.push({ shuffle, images });
  }
  return { labels: names, seed, rows };
}

/** Indices of `count` images, class by class in turn. */
function spread(imageLabels: Int32Array, classes: number, count: number): number[] {
  const byClass = Array.from({ length: classes }, (_, k) =>
    [...imageLabels.keys()].filter((i) => imageLabels[i] === k),
  );
  const chosen: number[] = [];
  for (let round = 0; chosen.length < count && round < imageLabels.length; round++) {
    for (const members of byClass) {
      const index = members[round];
      if (index !== undefined && chosen.length < count) chosen.push(index);
    }
  }
  return chosen;
}
