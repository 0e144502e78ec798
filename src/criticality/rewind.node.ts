import { costOf } from "../basin/cost.node.ts";
import type { RunCost } from "../basin/results.ts";
import { type BasinPlan, type NamedModel, readSubjects, type Subject } from "../basin/subjects.node.ts";
import {
  type BasinEnv,
  computeCells,
  planCells,
  type PlannedCell,
  uniqueCells,
} from "../basin/sweep.node.ts";
import { ScopeError } from "../base/error.ts";
import { type KeptNetwork, keptNetworks, type Network, networkOf } from "../cells/network.node.ts";
import type { TrainResult } from "../cells/train-facts.ts";
import { type Beginning, beginningsOf } from "./beginnings.node.ts";
import { type ChosenModule, type ChosenModules, chooseModules } from "./chosen-modules.ts";
import type { RewindResults } from "./results.ts";
import { rewindWords } from "./rewind-words.ts";
import {
  changesOf,
  finalOf,
  freshReplacements,
  meanChanges,
  type PlannedReplacements,
  planReplacements,
  replacement,
} from "./robust.node.ts";
import { type LookRequest, type Setting, settleEach, type Settings } from "./setting.node.ts";

/** What is asked about moments of training. */
export interface RewindRequest extends LookRequest {
  /** Training runs that kept weights along the way, of one architecture. */
  readonly runs: readonly NamedModel[];
  /** "layer", "block", "stage", or a regular expression over layers' names. */
  readonly modules: string;
}

/** What was found, and what it took. */
export interface RewindOutcome {
  readonly results: RewindResults;
  readonly cost: RunCost;
}

interface Run {
  readonly subject: Subject;
  readonly kept: readonly KeptNetwork[];
  readonly beginning: Beginning;
}

interface Work {
  readonly runs: readonly Run[];
  readonly settings: Settings;
  readonly chosen: ChosenModules;
}

/**
 * Sets every module, one at a time, to what it was at each checkpoint a run kept; beside it the point on the straight line
 * from initial to final weights that is as far from the final ones; and fresh random weights.
 * Source: Zhang, Bengio and Singer, "Are all layers created equal?", arXiv:1902.01996.
 * @throws {ScopeError} usage, for what is no training run or kept nothing; as `settle`, `chooseModules`, `computeCells`
 */
export async function runRewind(request: RewindRequest, env: BasinEnv): Promise<RewindOutcome> {
  const begun = performance.now();
  const work = (await planWork(request, env, true)) as Work;
  const { runs, settings, chosen } = work;
  const first = beginningCells(runs);
  let computed = await computeCells(first, env);
  const planned = [];
  for (const [i, run] of runs.entries()) {
    const initial = await networkOf(await env.store.get(run.beginning.address));
    planned.push({ run, ...planPaths(run, chosen.modules, settings.each[i]!, initial) });
  }
  const cells = uniqueCells([...first, ...planned.flatMap(({ looks }) => looks.cells)]);
  computed += await computeCells(cells, env);
  const networks: RewindResults["networks"][number][] = [];
  for (const one of planned) networks.push(await measured(one.run, chosen.modules, one, env));
  const [setting] = settings.each as [Setting];
  const facts = {
    schema: 1,
    kind: "rewind",
    networks,
    data: { set: setting.data.set, ...setting.images, classes: setting.classes },
    granularity: chosen.granularity,
  } as const;
  return {
    results: {
      ...facts,
      words: [...rewindWords(facts), ...chosen.notes, ...settings.words],
    },
    cost: await costOf(
      cells.map(({ address }) => address),
      computed,
      begun,
      env,
    ),
  };
}

/**
 * What `runRewind` would do, without doing it. Where a run's initial weights are not in the store, points on the straight line
 * are planned as if no way had been covered: as many cells, other ones.
 */
export async function planRewind(request: RewindRequest, env: BasinEnv): Promise<BasinPlan> {
  const work = await planWork(request, env, false);
  if ("fetch" in work) return work;
  const { runs, settings, chosen } = work;
  const cells: PlannedCell[] = [...beginningCells(runs)];
  for (const [i, run] of runs.entries()) {
    const { address } = run.beginning;
    const known = (await env.store.has(address)) ? await networkOf(await env.store.get(address)) : undefined;
    cells.push(...planPaths(run, chosen.modules, settings.each[i]!, known).looks.cells);
  }
  return { plan: await planCells(uniqueCells(cells), env.store, env.jobs) };
}

function beginningCells(runs: readonly Run[]): PlannedCell[] {
  return uniqueCells(runs.flatMap(({ beginning }) => beginning.cell ?? []));
}

async function planWork(
  request: RewindRequest,
  env: BasinEnv,
  mayFetch: boolean,
): Promise<Work | { readonly fetch: NonNullable<BasinPlan["fetch"]> }> {
  for (const { cell, name } of request.runs) {
    if (cell.spec.kind === "train") continue;
    throw new ScopeError(
      "usage",
      `${name} is not a stored training run: only these keep weights along the way`,
      {
        hint: "name a run trained with keep (transferscope runs list), or take a file back to its initial weights with transferscope criticality",
      },
    );
  }
  const subjects = await readSubjects(request.runs);
  const beginnings = await beginningsOf(subjects, [], env.store, 0);
  const runs = await Promise.all(
    subjects.map(async (subject, i) => ({ subject, kept: await keptOf(subject), beginning: beginnings[i]! })),
  );
  const chosen = chooseModules(subjects[0]!.network.graph, request.modules);
  const settings = await settleEach(subjects, request, env, mayFetch);
  return "fetch" in settings ? settings : { runs, settings, chosen };
}

async function keptOf({ cell, name }: Subject): Promise<KeptNetwork[]> {
  try {
    return await keptNetworks(cell);
  } catch (error) {
    if (!(error instanceof ScopeError) || error.fault !== "usage") throw error;
    throw new ScopeError(
      "usage",
      `run ${name} kept no weights along the way: there is nothing to set its modules back to`,
      {
        hint: "train it again with keep: the epochs whose weights to keep, e.g. keep: [0, 1, 2, 5]",
        cause: error,
      },
    );
  }
}

interface Paths {
  /** By module, parallel to the run's checkpoints. */
  readonly alphas: readonly (readonly number[])[];
  readonly looks: PlannedReplacements;
}

/** @param initial where known; else every α is 0 */
function planPaths(
  { subject, kept, beginning }: Run,
  modules: readonly ChosenModule[],
  setting: Setting,
  initial: Network | undefined,
): Paths {
  const alphas = modules.map((module) =>
    kept.map((at) => (initial === undefined ? 0 : shareCovered(module, initial, at, subject.network))),
  );
  const replacements = modules.flatMap((module, m) => [
    ...kept.map(({ step }) => replacement([module], { kind: "kept", step }, `as at step ${step}`)),
    ...alphas[m]!.map((alpha) => replacement([module], { kind: "between", alpha }, `at α = ${alpha}`)),
    ...freshReplacements(module),
  ]);
  const pair = { name: subject.name, final: subject.cell.address, initial: beginning.address };
  return { alphas, looks: planReplacements(pair, replacements, setting, "modules set back") };
}

/**
 * The α of the point between initial and final weights that is as far from the final ones as a checkpoint is:
 * 1 − ‖θ_F − θ_k‖ / ‖θ_F − θ_0‖, not below 0; 1 for a module that did not move. Six digits, as it names a cell.
 */
function shareCovered(
  { parameters }: ChosenModule,
  initial: Pick<Network, "weights">,
  at: Pick<Network, "weights">,
  final: Pick<Network, "weights">,
): number {
  const distance = (other: Pick<Network, "weights">): number => {
    let squares = 0;
    for (const name of parameters) {
      const a = final.weights.get(name)!.data as Float32Array;
      const b = other.weights.get(name)!.data as Float32Array;
      for (let i = 0; i < a.length; i++) squares += (a[i]! - b[i]!) ** 2;
    }
    return Math.sqrt(squares);
  };
  const whole = distance(initial);
  if (whole === 0) return 1;
  return Number(Math.max(0, 1 - distance(at) / whole).toFixed(6));
}

async function measured(
  { subject, kept, beginning }: Run,
  modules: readonly ChosenModule[],
  { alphas, looks }: Paths,
  env: BasinEnv,
): Promise<RewindResults["networks"][number]> {
  const { scores, final, statistics } = await looks.read(env.store);
  const { steps: total } = subject.cell.result() as unknown as TrainResult;
  const steps = kept.map(({ step }) => step);
  const each = scores.length / modules.length;
  return {
    name: subject.name,
    cell: subject.cell.address,
    group: beginning.group,
    statistics,
    final: finalOf(final),
    steps,
    total,
    modules: modules.map(({ name, depth, size }, m) => {
      const own = scores.slice(m * each, (m + 1) * each);
      return {
        name,
        depth,
        parameters: size,
        changes: own.slice(0, steps.length).map(changesOf),
        direct: own
          .slice(steps.length, 2 * steps.length)
          .map((one, k) => ({ alpha: alphas[m]![k]!, changes: changesOf(one) })),
        rerandomised: meanChanges(own.slice(2 * steps.length)),
      };
    }),
  };
}
