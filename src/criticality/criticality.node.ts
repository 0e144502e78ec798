import { costOf } from "../basin/cost.node.ts";
import { networkOf } from "../cells/network.node.ts";
import { withOtherHead } from "../cells/other-head.node.ts";
import { sameArchitecture } from "../cells/same-architecture.ts";
import type { Cell } from "../store/cell.node.ts";
import type { RunCost } from "../basin/results.ts";
import { type BasinPlan, type NamedModel, readSubjects, type Subject } from "../basin/subjects.node.ts";
import {
  type BasinEnv,
  computeCells,
  planCells,
  type PlannedCell,
  uniqueCells,
} from "../basin/sweep.node.ts";
import { beginningsOf, type InitialChoice } from "./beginnings.node.ts";
import { type ChosenModules, chooseModules } from "./chosen-modules.ts";
import { epsilonText } from "./epsilons.ts";
import { freezeList } from "./freeze.node.ts";
import { groupResults } from "./groups.ts";
import {
  looksWithin,
  type MapRequest,
  measureNetwork,
  type MeasuredNetwork,
  type PlannedNetwork,
  planNetwork,
} from "./network-plan.node.ts";
import type { CriticalityResults, FreezeResult } from "./results.ts";
import { type LookRequest, type Setting, settleEach } from "./setting.node.ts";
import { planTrial, runTrial } from "./try-freeze.node.ts";
import { criticalityWords } from "./words.ts";

/** What is asked about the modules of networks. */
export interface CriticalityRequest extends LookRequest, MapRequest {
  /** Networks with their final weights, of one architecture. */
  readonly finals: readonly NamedModel[];
  /** Empty: each run's own start. One for all, or one each. */
  readonly initials: readonly InitialChoice[];
  /** "layer", "block", "stage", or a regular expression over layers' names. */
  readonly modules: string;
  /** A list of modules of the first network that need not be trained, and what following it does. */
  readonly freeze?:
    | {
        /** Allowed excess, absolute. */
        readonly below: number;
        /** Seeds of training runs that follow the list, beside full ones; 0: none. */
        readonly seeds: number;
      }
    | undefined;
}

/** What was found, and what it took. */
export interface CriticalityOutcome {
  readonly results: CriticalityResults;
  readonly cost: RunCost;
  /** How `train` is told to freeze the modules of `results.freeze`. */
  readonly freezeNames: readonly string[];
}

interface Work {
  readonly subjects: readonly Subject[];
  /** Of the first network. */
  readonly setting: Setting;
  /** Of the images. */
  readonly words: readonly string[];
  readonly chosen: ChosenModules;
  readonly networks: readonly PlannedNetwork[];
  readonly cells: readonly PlannedCell[];
}

/**
 * Maps every module of the networks between its initial and its final weights, with noise, and measures how critical it is
 * (see docs/criticality.md). Everything finished before is taken from the store.
 * @throws {ScopeError} usage, for a request that cannot be answered; shape or data, when initial and final networks are not
 *   the same; as `settle`, `chooseModules`, `computeCells`
 */
export async function runCriticality(
  request: CriticalityRequest,
  env: BasinEnv,
): Promise<CriticalityOutcome> {
  const begun = performance.now();
  const work = (await planWork(request, env, true)) as Work;
  if (request.freeze !== undefined && request.freeze.seeds > 0) planTrial(work.subjects[0]!.cell, [], 1, 0);
  let computed = await computeCells(work.cells, env);
  const measured: MeasuredNetwork[] = [];
  for (const network of work.networks) measured.push(await measureNetwork(network, env));
  const networks = measured.map(({ result, seconds }) => ({ ...result, seconds }));
  const frozen =
    request.freeze === undefined
      ? undefined
      : await follow(
          work.subjects[0]!.cell,
          work.networks[0]!,
          measured[0]!,
          request.freeze,
          request.seed,
          env,
        );
  computed += frozen?.computed ?? 0;
  const { setting, chosen } = work;
  const facts = {
    schema: 1,
    kind: "criticality",
    networks,
    groups: groupResults(networks),
    data: { set: setting.data.set, ...setting.images, classes: setting.classes },
    granularity: chosen.granularity,
    epsilons: request.epsilons.map(epsilonText),
    ...(frozen === undefined ? {} : { freeze: frozen.result }),
  } as const;
  return {
    results: {
      ...facts,
      words: [
        ...criticalityWords(facts),
        ...new Set([...chosen.notes, ...measured.flatMap(({ notes }) => notes)]),
        ...untried(request.freeze, facts.freeze),
        ...work.words,
      ],
    },
    freezeNames: frozen?.names ?? [],
    cost: await costOf(
      [...work.cells, ...(frozen?.cells ?? [])].map(({ address }) => address),
      computed,
      begun,
      env,
    ),
  };
}

/**
 * What `runCriticality` would do first, without doing it: what a freeze list is made of, and runs that follow it, depend on
 * what is found.
 */
export async function planCriticality(request: CriticalityRequest, env: BasinEnv): Promise<BasinPlan> {
  const work = await planWork(request, env, false);
  if ("fetch" in work) return work;
  const full =
    request.freeze === undefined || request.freeze.seeds === 0
      ? []
      : planTrial(work.subjects[0]!.cell, [], request.freeze.seeds, firstSeed(request.seed)).cells;
  return { plan: await planCells(uniqueCells([...work.cells, ...full]), env.store, env.jobs) };
}

async function planWork(
  request: CriticalityRequest,
  env: BasinEnv,
  mayFetch: boolean,
): Promise<Work | { readonly fetch: NonNullable<BasinPlan["fetch"]> }> {
  const { finals, initials } = request;
  const given = initials.filter((choice) => typeof choice !== "string");
  const subjects = await readSubjects(finals);
  const otherHead = await checkInitials(subjects[0]!, given);
  const beginnings = await beginningsOf(subjects, initials, env.store, request.seed, otherHead);
  const chosen = chooseModules(subjects[0]!.network.graph, request.modules);
  const settings = await settleEach(subjects, request, env, mayFetch);
  if ("fetch" in settings) return settings;
  const [setting] = settings.each as [Setting];
  const { seconds, bytes } = request.budget;
  const share = {
    looks:
      seconds === undefined
        ? undefined
        : looksWithin(seconds, subjects.length, chosen.modules, setting, request.noise),
    memoryBytes: bytes === undefined ? undefined : Math.max(1, Math.floor(bytes / env.jobs)),
  };
  const networks = subjects.map((subject, i) =>
    planNetwork(subject, beginnings[i]!, chosen.modules, settings.each[i]!, request, share),
  );
  const cells = uniqueCells(networks.flatMap((network) => network.cells));
  return { subjects, setting, words: settings.words, chosen, networks, cells };
}

/**
 * Makes sure that initial networks are of the final ones' architecture.
 * @returns those with a head for other classes: pretrained on another task, as a rule
 */
async function checkInitials(
  { network }: Subject,
  given: readonly NamedModel[],
): Promise<ReadonlySet<InitialChoice>> {
  const otherHead = new Set<InitialChoice>();
  for (const model of given) {
    const initial = { ...(await networkOf(model.cell)), title: model.name };
    if (initial.classes === network.classes) sameArchitecture([network, initial]);
    else {
      withOtherHead(initial, network);
      otherHead.add(model);
    }
  }
  return otherHead;
}

/** Why a list that was to be followed was not. */
function untried(asked: CriticalityRequest["freeze"], freeze: FreezeResult | undefined): string[] {
  if (freeze === undefined || asked === undefined || asked.seeds === 0 || freeze.tried !== undefined)
    return [];
  return freeze.modules.length === 0
    ? ["No training that follows the list was tried: it is empty."]
    : ["No training that follows the list was tried: it leaves nothing to train."];
}

/** Seeds of trials, far from those of the runs that the list was made from. */
function firstSeed(seed: number): number {
  return 1000 + seed;
}

async function follow(
  cell: Cell,
  planned: PlannedNetwork,
  { result }: MeasuredNetwork,
  { below, seeds }: NonNullable<CriticalityRequest["freeze"]>,
  seed: number,
  env: BasinEnv,
): Promise<{
  readonly result: FreezeResult;
  readonly names: readonly string[];
  readonly cells: readonly PlannedCell[];
  readonly computed: number;
}> {
  const list = await freezeList(planned, result, below, env);
  const names = list.modules.flatMap(({ freeze }) => freeze);
  const numbers = list.modules.reduce((sum, { size }) => sum + size, 0);
  const found = {
    epsilon: below,
    modules: list.modules.map(({ name }) => name),
    share: numbers / result.parameters,
    together: list.together,
  };
  if (seeds === 0 || names.length === 0 || numbers >= result.parameters)
    return { result: found, names, cells: list.cells, computed: list.computed };
  const trial = planTrial(cell, names, seeds, firstSeed(seed));
  const trained = { full: result.parameters, frozen: result.parameters - numbers };
  const { tried, computed } = await runTrial(trial, trained, env);
  return {
    result: { ...found, tried },
    names,
    cells: [...list.cells, ...trial.cells],
    computed: list.computed + computed,
  };
}
