import { planData } from "../data/load.node.ts";
import type { DataPlan } from "../data/load.node.ts";
import { ScopeError } from "../base/error.ts";
import { measureTraining, type Trial } from "../cells/measure.node.ts";
import { trainableRoles } from "../cells/kinds/train.node.ts";
import type { TrainResult } from "../cells/train-facts.ts";
import { describe } from "../models/describe.ts";
import { buildModel } from "../models/model.ts";
import type { ModelIo } from "../models/types.ts";
import type { Store } from "../store/store.node.ts";
import type { Plan } from "../sweep/plan.ts";
import { type Recipe, totalSteps } from "../train/recipe.ts";
import { costOf } from "./cost.node.ts";
import { gridRow, overParents } from "./grid-row.ts";
import { checkInstability, type InstabilityConfig } from "./instability-config.ts";
import {
  type InstabilityPlan,
  planInstability,
  type PlannedPair,
  type PlannedRow,
} from "./instability-plan.node.ts";
import { instabilityWords } from "./instability-words.ts";
import { modelSentence } from "./model-sentence.ts";
import { barrierHeight, evenly } from "./heights.ts";
import { type MeasuredPair, pairCells, type PairRequest, readPair } from "./pair-path.node.ts";
import type { GridRow, InstabilityAt, InstabilityResults, RunCost } from "./results.ts";
import { type BasinEnv, computeCells, planCells, uniqueCells } from "./sweep.node.ts";

/** What an instability analysis found, and what it took. */
export interface InstabilityOutcome {
  readonly results: InstabilityResults;
  readonly cost: RunCost;
}

/** What an analysis would do. */
export interface InstabilityPreview {
  readonly plan: Plan;
  /** Seconds for each image trained on that the estimate rests on; 0 when nothing is left to train. */
  readonly secondsPerImage: number;
  /** Memory of all workers together, bytes; 0 when all is done. */
  readonly bytes: number;
}

/**
 * Runs an instability analysis, or what is missing of it: trains parents, children and the networks of the grid, then
 * looks at the straight paths between the two networks of every pair. Everything finished before is taken from the store.
 * @throws {ScopeError} usage, for a configuration that cannot be run; as `computeCells`
 */
export async function runInstability(config: InstabilityConfig, env: BasinEnv): Promise<InstabilityOutcome> {
  const begun = performance.now();
  const facts = await factsOf(config, env);
  const { planned, request } = facts;
  const rates = await trainingRate(config, facts, env);
  let computed = await computeCells(planned.training, env, rates);
  const alive = await aliveIn(env.store, planned);
  const pairs = pairsOf(planned).filter(alive);
  const paths = uniqueCells(pairs.flatMap((pair) => pairCells(pair.a, pair.b, request)));
  computed += await computeCells(paths, env, rates);

  const measured = new Map<string, MeasuredPair>();
  for (const pair of pairs) {
    const key = keyOf(pair);
    if (!measured.has(key)) measured.set(key, await readPair(env.store, pair.a, pair.b, request));
  }
  const read = (pair: PlannedPair): MeasuredPair => measured.get(keyOf(pair))!;
  const spawn = planned.moments.map(({ k, pairs: all }) => momentOf(k, all, read, config.threshold));
  const grid = planned.rows.map((row) => rowOf(row, row.pairs.filter(alive), read));
  const { total } = planned;
  const told = { total, vary: config.vary, threshold: config.threshold, spawn, grid };
  const lost = planned.rows.reduce((sum, row) => sum + row.pairs.filter((pair) => !alive(pair)).length, 0);
  const cells = [...planned.training, ...paths].map(({ address }) => address);
  const first = (await env.store.get(planned.training[0]!.address)).result() as unknown as TrainResult;
  return {
    results: {
      schema: 1,
      kind: "instability",
      name: config.name,
      config: JSON.parse(JSON.stringify(config)) as unknown,
      model: { description: modelSentence(config.model, facts.io), parameters: first.parameters },
      data: { set: config.data.set, train: request.images.train, test: request.images.test },
      ...told,
      words: [
        ...instabilityWords(told),
        ...(lost === 0
          ? []
          : [
              `${lost} ${lost === 1 ? "pair" : "pairs"} at a raised rate could not be compared: training diverged.`,
            ]),
      ],
    },
    cost: await costOf(cells, computed, begun, env),
  };
}

/** What `runInstability` would do, without doing it. Data are prepared (their sizes decide the plan), nothing is trained. */
export async function previewInstability(
  config: InstabilityConfig,
  env: BasinEnv,
): Promise<InstabilityPreview> {
  const facts = await factsOf(config, env);
  const { planned, request } = facts;
  const paths = pairsOf(planned).flatMap((pair) => pairCells(pair.a, pair.b, request));
  const cells = uniqueCells([...planned.training, ...paths]);
  const rates = await trainingRate(config, facts, env);
  const plan = await planCells(cells, env.store, env.jobs, rates);
  if (plan.done === plan.total) return { plan, secondsPerImage: 0, bytes: 0 };
  const { bytes } = await trial(config, facts.io, env.device);
  const size = facts.io.channels * facts.io.height * facts.io.width;
  return { plan, secondsPerImage: rates["train"] ?? 0, bytes: env.jobs * (bytes + facts.largest * size) };
}

interface Facts {
  readonly planned: InstabilityPlan;
  readonly request: PairRequest;
  readonly io: ModelIo;
  /** Images of the larger task. */
  readonly largest: number;
}

async function factsOf(config: InstabilityConfig, env: BasinEnv): Promise<Facts> {
  checkInstability(config);
  const data = await planData(config.data, env.data);
  const { channels, height, width, classes, counts } = data;
  const io = { channels, height, width, classes: classes.length };
  checkRecipe(config, config.recipe, "recipe", io);
  const upstream = config.grid && (await planData(config.grid.upstream.data, env.data));
  if (config.grid && upstream) {
    checkSize(data, upstream);
    checkRecipe(config, config.grid.recipe, "grid.recipe", io);
    checkRecipe(config, config.grid.upstream.recipe, "grid.upstream.recipe", io);
  }
  const planned = planInstability(config, totalSteps(config.recipe, counts.train));
  const hasNorm = buildModel(config.model, io).parameters.some(({ role }) => role !== "trainable");
  const sizes = [data, ...(upstream ? [upstream] : [])].map(
    (one) => one.counts.train + one.counts.validation + one.counts.test,
  );
  return {
    planned,
    io,
    largest: Math.max(...sizes),
    request: {
      data: config.data,
      at: evenly(config.points),
      images: {
        train: Math.min(config.images.train ?? counts.train, counts.train),
        test: Math.min(config.images.test ?? counts.test, counts.test),
      },
      statistics: hasNorm ? (config.renormalize === "auto" ? "re-estimated" : "interpolated") : "none",
      trainImages: counts.train,
      multiplyAdds: describe(buildModel(config.model, io)).multiplyAdds,
    },
  };
}

/** Refuses a recipe that names modules the network lacks, before hours of work end with it. */
function checkRecipe(config: InstabilityConfig, recipe: Recipe, where: string, io: ModelIo): void {
  try {
    trainableRoles(buildModel(config.model, io).parameters, recipe.freeze, recipe.rates);
  } catch (cause) {
    if (!(cause instanceof ScopeError)) throw cause;
    throw new ScopeError(cause.fault, `${where}: ${cause.message}`, { hint: cause.hint, cause });
  }
}

function checkSize(data: DataPlan, upstream: DataPlan): void {
  for (const key of ["channels", "height", "width"] as const) {
    if (upstream[key] === data[key]) continue;
    throw new ScopeError(
      "usage",
      `upstream images have ${key} ${upstream[key]}, those of data ${data[key]}: one network cannot take both`,
      { hint: `set ${key}: ${upstream[key]} under data` },
    );
  }
}

function pairsOf({ moments, rows }: InstabilityPlan): PlannedPair[] {
  return [...moments, ...rows].flatMap(({ pairs }) => pairs);
}

function keyOf({ a, b }: PlannedPair): string {
  return `${a.address} ${b.address}`;
}

/** Which pairs have two networks: a run at a raised rate may have diverged. */
async function aliveIn(store: Store, { training }: InstabilityPlan): Promise<(pair: PlannedPair) => boolean> {
  const diverged = new Set<string>();
  for (const { address } of training) {
    const { divergedAfter } = (await store.get(address)).result() as unknown as TrainResult;
    if (divergedAfter !== undefined) diverged.add(address);
  }
  return ({ a, b }) => !diverged.has(a.address) && !diverged.has(b.address);
}

function momentOf(
  k: number,
  pairs: readonly PlannedPair[],
  read: (pair: PlannedPair) => MeasuredPair,
  threshold: number,
): InstabilityAt {
  const found = pairs.map((pair) => {
    const { path, distance } = read(pair);
    return {
      replicate: pair.replicate,
      instability: barrierHeight(path, "mean", "error", "test"),
      lossBarrier: barrierHeight(path, "chord", "loss", "train"),
      distance,
      cells: [pair.a.address, pair.b.address] as const,
    };
  });
  const parents = found.map(({ replicate }) => replicate);
  return {
    k,
    pairs: found,
    instability: overParents(
      found.map(({ instability }) => instability.value),
      parents,
    ),
    lossBarrier: overParents(
      found.map(({ lossBarrier }) => lossBarrier.value),
      parents,
    ),
    distance: overParents(
      found.map(({ distance }) => distance),
      parents,
    ),
    stable: found.filter(({ instability }) => instability.value < threshold).length / found.length,
  };
}

function rowOf(
  { label, sameStart, sameHead, sameOrder, rateFactor }: PlannedRow,
  pairs: readonly PlannedPair[],
  read: (pair: PlannedPair) => MeasuredPair,
): GridRow {
  return gridRow(
    { label, sameStart, sameHead, sameOrder, rateFactor },
    pairs.map((pair) => ({ names: [pair.a.label, pair.b.label], measured: read(pair) })),
  );
}

/** Seconds per image trained on: from finished cells where there are some (`planCells` sees to that), else from a trial. */
async function trainingRate(
  config: InstabilityConfig,
  { planned, io }: Facts,
  { store, device }: BasinEnv,
): Promise<Readonly<Record<string, number>>> {
  const has = await Promise.all(planned.training.map(({ address }) => store.has(address)));
  if (has.every((one) => one)) return {};
  return { train: (await trial(config, io, device)).secondsPerImage };
}

const trials = new Map<string, Promise<Trial>>();

/** One trial a network and process: it serves the estimate of time and that of memory, and the run after it. */
function trial({ model, recipe }: InstabilityConfig, io: ModelIo, device: string): Promise<Trial> {
  const key = JSON.stringify([model, recipe, io, device]);
  const kept = trials.get(key) ?? measureTraining(model, recipe, io, device);
  trials.set(key, kept);
  return kept;
}
