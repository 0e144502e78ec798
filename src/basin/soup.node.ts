import * as kinds from "../cells/kinds/index.ts";
import type { AverageResult } from "../cells/kinds/average.node.ts";
import { type JudgedSplits, readLogits } from "../cells/logits.node.ts";
import { graphFor, isKept, type Network, networkOf } from "../cells/network.node.ts";
import { pointCells, pointValues } from "../cells/points.node.ts";
import { flatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import { type DataPlan, planData } from "../data/load.node.ts";
import type { DataEnv, DataSpec } from "../data/types.ts";
import { meanCurve } from "../landscape/curve.ts";
import { multiplyAddsOf } from "../models/describe.ts";
import { ensembleLogits } from "../soup/ensemble.ts";
import { type Outcomes, outcomes } from "../soup/outcomes.ts";
import { type Quality, quality } from "../soup/quality.ts";
import { wiseCurve } from "../soup/wise.ts";
import type { Address } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import { costOf } from "./cost.node.ts";
import { statisticsFrom } from "./pair-path.node.ts";
import type { Interval, RunCost, SoupResults } from "./results.ts";
import { type SoupFacts, soupWords } from "./soup-words.ts";
import {
  type BasinPlan,
  type ChosenData,
  chooseData,
  type NamedModel,
  pinned,
  planSubjectData,
  readSubjects,
  type Subject,
  toFetch,
  unlikeData,
} from "./subjects.node.ts";
import {
  type BasinEnv,
  computeCells,
  planCells,
  type PlannedCell,
  plannedCell,
  uniqueCells,
} from "./sweep.node.ts";

/** How networks are averaged. swa, ema: over the moments one run kept. wise: between two networks (WiSE-FT). */
export type SoupMethod = "uniform" | "greedy" | "learned" | "swa" | "ema" | "wise";

/** What is asked of an average. */
export interface SoupRequest {
  readonly models: readonly NamedModel[];
  readonly data: ChosenData;
  readonly method: SoupMethod;
  /** learned: shares of their own for every module. */
  readonly perModule: boolean;
  /** greedy: whether a network that changes nothing is taken in. */
  readonly accept: ">=" | ">";
  /** wise: share of the second network. */
  readonly alpha: number;
  /** wise: other images to look at the line with. */
  readonly shift?: ChosenData | undefined;
  /** swa, ema: first step that counts. */
  readonly from: number;
  /** ema: decay from one kept moment to the next. */
  readonly decay: number;
  /** Training images that decide, at most. */
  readonly heldOut: number;
  /** Test images, at most; absent: all. */
  readonly testImages?: number | undefined;
  readonly renormalize: "auto" | "never";
  readonly seed: number;
}

/** An average, what it is worth, and what it took. */
export interface SoupOutcome {
  readonly results: SoupResults;
  readonly cost: RunCost;
  /** The cell of the average that was asked for, and the network in it. */
  readonly address: Address;
  readonly network: Network;
}

/**
 * Averages networks by the method asked for, and puts the result beside what is cheap to have as well: the best single
 * network, the uniform and the greedy soup, the ensemble of the members' logits.
 * @throws {ScopeError} usage, for a request that cannot be answered; as `readSubjects`, `planSubjectData`, `computeCells`
 */
export async function runSoup(request: SoupRequest, env: BasinEnv): Promise<SoupOutcome> {
  const begun = performance.now();
  const subjects = await readSubjects(checked(request));
  const work = await planWork(request, subjects, env.data);
  const cells = cellsOf(work);
  const computed = await computeCells(cells, env);
  const { store } = env;

  const members = await Promise.all(work.logits.map((cell) => lookAt(store, cell, 1)));
  const averages: (Looked & { readonly name: string; readonly result: AverageResult })[] = [];
  for (const { name, cell } of work.averages) {
    const result = (await store.get(cell.address)).result() as unknown as AverageResult;
    averages.push({ name, result, ...(await lookAt(store, cell, 1)) });
  }
  const best = members.reduce((top, one, i) => (one.heldOut > members[top]!.heldOut ? i : top), 0);
  const rows: NamedRow[] = [
    { name: "best single", members: 1, ...members[best]! },
    ...averages.map(({ result, ...one }) => ({ ...one, members: result.members })),
    ...(members.length > 1
      ? [{ name: "logit ensemble", members: members.length, ...ensembleOf(members) }]
      : []),
  ];
  const greedy = averages.find(({ result }) => result.method === "greedy")?.result;
  const chosen = averages.find(({ name }) => name === work.chosen.name)!;
  const wise = work.line.length === 0 ? undefined : await readLine(work, store);
  const { size } = flatLayout(subjects[0]!.network.graph, subjects[0]!.network.parameters);
  const facts: SoupFacts = {
    chosen: chosen.name,
    rows,
    best: subjects[best]!.name,
    count: chosen.result.steps?.length ?? subjects.length,
    seen: chosen.result.heldOut.seen,
    statistics: chosen.result.statistics,
    growth: greedy?.growth ?? [],
    singles: members.map((one) => one.outcomes),
  };
  const results: SoupResults = {
    schema: 1,
    kind: "soup",
    method: chosen.name,
    data: {
      set: work.data.set,
      heldOut: chosen.result.heldOut.images,
      test: chosen.result.test.images,
    },
    members: subjects.map(({ name, cell }, i) => ({
      name,
      cell: cell.address,
      parameters: size,
      accuracy: { test: members[i]!.quality.accuracy.value },
      heldOut: members[i]!.heldOut,
      quality: members[i]!.quality,
    })),
    rows: rows.map(({ name, members: count, heldOut, quality: found }) => ({
      method: name,
      members: count,
      heldOut,
      quality: found,
    })),
    growth: (greedy?.growth ?? []).map(({ model, heldOut, accepted, reason }) => ({
      model,
      // An average without numbers classifies nothing.
      heldOut: heldOut ?? 0,
      accepted,
      reason,
    })),
    ...(wise === undefined ? {} : { wise }),
    ...(chosen.result.mixing === undefined ? {} : { mixing: chosen.result.mixing }),
    words: [...soupWords(facts), ...(request.data.set === undefined ? unlikeData(subjects) : [])],
  };
  const { address } = work.chosen.cell;
  const addresses = cells.map((cell) => cell.address);
  return {
    results,
    cost: await costOf(addresses, computed, begun, env),
    address,
    network: await networkOf(await store.get(address)),
  };
}

/** What `runSoup` would do, without doing it. */
export async function planSoup(request: SoupRequest, env: BasinEnv): Promise<BasinPlan> {
  const subjects = await readSubjects(checked(request));
  for (const chosen of [request.data, ...(request.shift ? [request.shift] : [])]) {
    const fetch = await toFetch(chooseData(subjects, chosen), env.data);
    if (fetch !== undefined) return { fetch };
  }
  const work = await planWork(request, subjects, env.data);
  return { plan: await planCells(cellsOf(work), env.store, env.jobs) };
}

/** @throws {ScopeError} usage */
function checked({ models, method, shift, alpha }: SoupRequest): readonly NamedModel[] {
  const count = models.length;
  const wrong = (message: string, hint: string): never => {
    throw new ScopeError("usage", message, { hint });
  };
  if (method === "swa" || method === "ema") {
    if (count !== 1)
      wrong(
        `--method ${method} averages over the training of one run, ${count} were named`,
        "name one run that kept weights on its way (keep: in its file), or use --method uniform",
      );
    const [{ cell, typed }] = models as readonly [NamedModel];
    if (!Object.keys(cell.files).some(isKept))
      wrong(
        `--method ${method} averages weights kept on the way of a run, ${typed} has none`,
        "name a run of the store that was trained with keep: the epochs whose weights to keep",
      );
  } else if (method === "wise") {
    if (count !== 2)
      wrong(
        `--method wise goes from one network to another, ${count} were named`,
        "name the network before fine-tuning, then the one after",
      );
    if (!(alpha >= 0 && alpha <= 1))
      wrong(`--alpha expected a share from 0 to 1, got ${alpha}`, "0.5 is usual");
  } else if (count < 2) {
    wrong("an average needs two networks or more, and one was named", "name more, or use --method swa");
  }
  if (shift !== undefined && method !== "wise")
    wrong(
      "--shift goes with --method wise",
      "look at a written soup on other images with transferscope eval",
    );
  const twice = models.findIndex(({ cell }, i) =>
    models.slice(0, i).some((other) => other.cell.address === cell.address),
  );
  if (twice > 0)
    wrong(
      `${models[twice]!.typed} is named twice, or holds the same weights as another`,
      "name every network once: a second copy would count double",
    );
  return models;
}

interface NamedAverage {
  readonly name: string;
  readonly cell: PlannedCell;
}

interface Work {
  readonly data: DataSpec;
  /** One cell a member. */
  readonly logits: readonly PlannedCell[];
  readonly averages: readonly NamedAverage[];
  /** The one that was asked for. */
  readonly chosen: NamedAverage;
  /** wise: averages along the line, and what looks at them with other images. */
  readonly line: readonly { readonly at: number; readonly cell: PlannedCell }[];
  readonly shifted: readonly PlannedCell[];
}

function cellsOf({ logits, averages, line, shifted }: Work): PlannedCell[] {
  return uniqueCells([
    ...logits,
    ...averages.map(({ cell }) => cell),
    ...line.map(({ cell }) => cell),
    ...shifted,
  ]);
}

async function planWork(request: SoupRequest, subjects: readonly Subject[], env: DataEnv): Promise<Work> {
  const { method, accept, perModule, alpha, from, decay, testImages, seed } = request;
  const chosenData = chooseData(subjects, request.data);
  const plan = await planSubjectData(subjects, chosenData, env);
  const data = pinned(chosenData, plan);
  const { network } = subjects[0]!;
  const multiplyAdds = Math.max(1, multiplyAddsOf(graphFor(network, plan, data.set)));
  const judge = {
    data,
    heldOut: { images: await heldOutImages(request, data, plan, env), seed },
    test: { images: testImages === undefined ? undefined : Math.min(testImages, plan.counts.test) },
    multiplyAdds,
  };
  const hasNorm = network.statistics.length > 0;
  const renormalize = hasNorm && request.renormalize === "auto" ? statisticsFrom(plan.counts.train) : null;
  const logits = subjects.map(({ cell, name }) =>
    plannedCell(kinds.logits, judge, { n0: cell.address }, `look at ${name}`),
  );
  const inputs = {
    ...Object.fromEntries(subjects.map(({ cell }, i) => [`m${i}`, cell.address])),
    ...Object.fromEntries(logits.map(({ address }, i) => [`l${i}`, address])),
  };
  const average = (name: string, params: object): NamedAverage => ({
    name,
    cell: plannedCell(
      kinds.average,
      { ...judge, renormalize, count: subjects.length, ...params },
      inputs,
      `${name} of ${subjects.length}`,
    ),
  });
  const fixed = (share: number, name: string): NamedAverage =>
    average(name, { method: "fixed", coefficients: [1 - share, share] });
  const over = subjects.length > 1;
  const averages: NamedAverage[] = [
    ...(over
      ? [average("uniform", { method: "uniform" }), average("greedy", { method: "greedy", accept })]
      : [average("swa", { method: "swa", from }), average("ema", { method: "ema", from, decay })]),
    ...(method === "learned"
      ? [
          average(perModule ? "learned per module" : "learned", {
            method,
            learned: { perModule, seed },
          }),
        ]
      : []),
    ...(method === "wise" ? [fixed(alpha, `WiSE-FT, α = ${alpha}`)] : []),
  ];
  const line =
    method === "wise" ? wiseCurve().map(({ at }) => ({ at, cell: fixed(at, `α = ${at}`).cell })) : [];
  const chosen =
    method === "learned" || method === "wise"
      ? averages.at(-1)!
      : averages.find(({ name }) => name === method)!;
  const shifted =
    request.shift === undefined
      ? []
      : await shiftedCells(
          request.shift,
          subjects,
          line.map(({ cell }) => cell),
          testImages,
          multiplyAdds,
          env,
        );
  return { data, logits, averages, chosen, line, shifted };
}

/** Training images that decide: as many as asked for, but no more than half of them, or than were held out in training. */
async function heldOutImages(
  { heldOut }: SoupRequest,
  data: DataSpec,
  { counts }: DataPlan,
  env: DataEnv,
): Promise<number> {
  if (counts.validation > 0) return Math.min(heldOut, counts.validation);
  const { trainSize: _drawn, ...whole } = data;
  const { counts: all } = await planData({ ...whole, validation: 0 }, env);
  return Math.max(1, Math.min(heldOut, Math.floor(all.train / 2)));
}

/** Looks at networks with the test images of other data. Their statistics stay those of the data they were averaged on. */
async function shiftedCells(
  shift: ChosenData,
  subjects: readonly Subject[],
  networks: readonly PlannedCell[],
  testImages: number | undefined,
  multiplyAdds: number,
  env: DataEnv,
): Promise<PlannedCell[]> {
  const spec = chooseData(subjects, shift);
  const plan = await planSubjectData(subjects, spec, env);
  const { counts } = plan;
  const data = pinned(spec, plan);
  const points = networks.map((_, i) => networks.map((__, j) => (i === j ? 1 : 0)));
  return pointCells(
    networks.map(({ address }) => address),
    points,
    {
      data,
      images: { train: 0, test: Math.min(testImages ?? counts.test, counts.test) },
      renormalize: null,
      multiplyAdds,
      label: `look at ${data.set}`,
    },
  );
}

/** What a network or an ensemble is worth. */
interface Looked {
  /** Share of the held-out images classified correctly. */
  readonly heldOut: number;
  readonly quality: Quality;
  /** Test images, one by one. */
  readonly outcomes: Outcomes;
  readonly said: JudgedSplits & { readonly classes: number };
}

interface NamedRow extends Looked {
  readonly name: string;
  readonly members: number;
}

async function lookAt(store: Store, { address }: PlannedCell, passes: number): Promise<Looked> {
  return lookedAt(await readLogits(await store.get(address)), passes);
}

function lookedAt(said: Looked["said"], passes: number): Looked {
  const { heldOut, test, classes } = said;
  return {
    said,
    heldOut: quality(heldOut.logits, heldOut.labels, classes).accuracy.value,
    quality: quality(test.logits, test.labels, classes, passes),
    outcomes: outcomes(test.logits, test.labels, classes),
  };
}

/** The mean of the members' logits: one pass for each member. */
function ensembleOf(members: readonly Looked[]): Looked {
  const { classes, heldOut, test } = members[0]!.said;
  const mean = (split: "heldOut" | "test") => ensembleLogits(members.map(({ said }) => said[split].logits));
  const said = {
    classes,
    heldOut: { logits: mean("heldOut"), labels: heldOut.labels },
    test: { logits: mean("test"), labels: test.labels },
  };
  return lookedAt(said, members.length);
}

/** The line of WiSE-FT: accuracy on the test images, and on those of other data. */
async function readLine({ line, shifted }: Work, store: Store): Promise<NonNullable<SoupResults["wise"]>> {
  const reference: Interval[] = [];
  for (const { cell } of line) reference.push((await lookAt(store, cell, 1)).quality.accuracy);
  const seen = [];
  for (const { address } of shifted) seen.push(...(await pointValues(await store.get(address))));
  return {
    at: line.map(({ at }) => at),
    reference,
    ...(seen.length === 0
      ? {}
      : {
          shifted: meanCurve(
            "test",
            seen.map(({ values }) => values.test!),
          ).accuracy,
        }),
  };
}
