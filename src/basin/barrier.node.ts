import { flatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { AlignResult } from "../cells/kinds/align.node.ts";
import * as kinds from "../cells/kinds/index.ts";
import type { DataPlan } from "../data/load.node.ts";
import { verdict } from "../landscape/barriers.ts";
import { clusterBasins } from "../landscape/cluster.ts";
import { withEnds } from "../landscape/range.ts";
import { refine } from "../landscape/refine.ts";
import { alignCell } from "./align.node.ts";
import { barrierOf, barrierWords } from "./barrier-words.ts";
import { costOf } from "./cost.node.ts";
import { l2Distance } from "./heights.ts";
import { type Look, lookOf, pathCells, pathsOf, type PlannedPath, seenIn } from "./look.node.ts";
import type { BarrierResults, ModelFacts, Pair, Path, RunCost, Treatment } from "./results.ts";
import {
  type BasinPlan,
  type ChosenData,
  chooseData,
  kinshipOf,
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

/** What is asked about the paths between networks. */
export interface BarrierRequest {
  /** At least two; of more, all pairs are looked at. */
  readonly models: readonly NamedModel[];
  readonly data: ChosenData;
  /** Positions on the path, 0 at the first network, 1 at the second; both ends and ½ are added where they lie inside. */
  readonly range: readonly number[];
  /** Whether, and how, the units of a pair's second network are permuted towards the first. */
  readonly align: Treatment["align"];
  /**
   * Also with the spread of activations corrected (REPAIR), after alignment if there is one: measured on every network of
   * the path, or by the closed form, from the two ends alone.
   */
  readonly repair: "none" | "sequential" | "closed";
  /** bezier: also along a trained curve. */
  readonly curve: Treatment["curve"];
  /** auto: batch-norm statistics are estimated anew at every point. */
  readonly renormalize: "auto" | "never";
  /** Error barrier from which on two networks count as apart, a share. */
  readonly threshold: number;
  /** Images looked at, at most; 0: none of that split. */
  readonly images: { readonly train: number; readonly test: number };
  /** Positions added where the loss bends most, for each path. */
  readonly refine: number;
  /** Of alignment, curve and bootstrap. */
  readonly seed: number;
}

/** What was found, and what it took. */
export interface BarrierOutcome {
  readonly results: BarrierResults;
  readonly cost: RunCost;
}

/**
 * Looks at the paths between networks: as they are, then with what was asked for done to them. Everything finished before
 * is taken from the store.
 * @throws {ScopeError} usage, for a request that cannot be answered; as `readSubjects`, `planSubjectData`, `computeCells`
 */
export async function runBarrier(request: BarrierRequest, env: BasinEnv): Promise<BarrierOutcome> {
  const begun = performance.now();
  const subjects = await read(request);
  const spec = chooseData(subjects, request.data);
  const images = await planSubjectData(subjects, spec, env.data);
  const work = planWork(request, subjects, pinned(spec, images), images);
  const rounds = [cellsOf(work)];
  let computed = await computeCells(rounds[0]!, env);

  const added = new Map<PlannedPath, { readonly at: readonly number[]; readonly cells: PlannedCell[] }>();
  if (request.refine > 0) {
    for (const { paths } of work.pairs) {
      for (const { path, cells } of paths) {
        const at = await bendsOf(work, cells, request, env);
        added.set(path, { at, cells: pathCells(path, at, work.look) });
      }
    }
    rounds.push(uniqueCells([...added.values()].flatMap(({ cells }) => cells)));
    computed += await computeCells(rounds[1]!, env);
  }

  const pairs: Pair[] = [];
  for (const planned of work.pairs) {
    const paths: Path[] = [];
    for (const { path, cells } of planned.paths) {
      const more = added.get(path) ?? { at: [], cells: [] };
      const seen = await seenIn(env.store, [...cells, ...more.cells]);
      paths.push(...pathsOf(path, [...work.at, ...more.at], seen, request.seed));
    }
    pairs.push(await pairOf(planned, paths, subjects, request, env));
  }
  const models = subjects.map((subject, i) => factsOf(subject, i, pairs));
  const basins = basinsOf(pairs, models.length, request.threshold);
  const told = {
    models,
    typed: subjects.map(({ typed }) => typed),
    pairs,
    basins,
    threshold: request.threshold,
    classes: images.classes.length,
    images: work.look.images,
    available: images.counts.test,
    renormalized: work.look.renormalize?.images ?? 0,
    batchNorm: work.batchNorm,
  };
  return {
    results: {
      schema: 1,
      kind: "barrier",
      models,
      data: { set: spec.set, ...work.look.images },
      pairs,
      basins,
      words: [...barrierWords(told), ...notes(request, subjects, work)],
    },
    cost: await costOf(
      rounds.flat().map(({ address }) => address),
      computed,
      begun,
      env,
    ),
  };
}

/** What `runBarrier` would do, without doing it; positions that refinement adds are not known before. */
export async function planBarrier(request: BarrierRequest, env: BasinEnv): Promise<BasinPlan> {
  const subjects = await read(request);
  const spec = chooseData(subjects, request.data);
  const fetch = await toFetch(spec, env.data);
  if (fetch !== undefined) return { fetch };
  const images = await planSubjectData(subjects, spec, env.data);
  const work = planWork(request, subjects, pinned(spec, images), images);
  return { plan: await planCells(cellsOf(work), env.store, env.jobs) };
}

interface PlannedPair {
  readonly a: number;
  readonly b: number;
  readonly alignment: PlannedCell | undefined;
  readonly paths: readonly { readonly path: PlannedPath; readonly cells: PlannedCell[] }[];
}

interface Work {
  readonly look: Look;
  readonly at: readonly number[];
  readonly batchNorm: boolean;
  readonly pairs: readonly PlannedPair[];
}

async function read({ models, range, images }: BarrierRequest): Promise<Subject[]> {
  if (models.length < 2) {
    throw new ScopeError("usage", "a barrier stands between two networks, and one was named", {
      hint: "name at least two: transferscope barrier A B",
    });
  }
  const [low, high] = [Math.min(...range), Math.max(...range)];
  if (low > 0 || high < 1) {
    throw new ScopeError(
      "usage",
      `--range goes from ${low} to ${high}: a barrier is the rise between the two networks, at 0 and 1, and undefined without them`,
      { hint: "take a range that includes 0 and 1, such as 0:1:25" },
    );
  }
  if (images.train === 0 && images.test === 0) {
    throw new ScopeError(
      "usage",
      "--train-images and --test-images are both 0: there is nothing to look at",
      {
        hint: "leave one of them out",
      },
    );
  }
  return await readSubjects(models);
}

function planWork(
  request: BarrierRequest,
  subjects: readonly Subject[],
  data: Look["data"],
  images: DataPlan,
): Work {
  const batchNorm = subjects[0]!.network.statistics.length > 0;
  const reestimate = batchNorm && request.renormalize === "auto";
  if (request.repair !== "none" && batchNorm && !reestimate) {
    throw new ScopeError(
      "usage",
      "--repair with --renormalize never: in networks with batch norm REPAIR is the re-estimation of its statistics",
      { hint: "leave out --renormalize never" },
    );
  }
  if (request.curve === "bezier" && batchNorm && !reestimate) {
    throw new ScopeError(
      "usage",
      "--curve bezier with --renormalize never: no statistics of batch norm belong to a point of the curve unless they are estimated there",
      { hint: "leave out --renormalize never" },
    );
  }
  const look = lookOf(data, images, subjects[0]!.network, request.images, reestimate);
  if (look.images.train === 0 && look.images.test === 0) {
    throw new ScopeError("data", `${data.set} has no images to look at`, { hint: "choose other --data" });
  }
  const statistics = batchNorm ? (reestimate ? "re-estimated" : "interpolated") : "none";
  const at = withEnds(request.range);
  const pairs: PlannedPair[] = [];
  for (let a = 0; a < subjects.length; a++) {
    for (let b = a + 1; b < subjects.length; b++) {
      const paths: PlannedPath[] = [];
      const base = { align: "none", curve: "linear", repair: false, statistics } as const;
      const [one, other] = [subjects[a]!, subjects[b]!];
      const ends = [one.cell.address, other.cell.address];
      const label = `${one.name} – ${other.name}`;
      paths.push({ treatment: base, networks: [...ends], before: [], label });
      let before: PlannedCell[] = [];
      let alignment: PlannedCell | undefined;
      let treatment: Treatment = base;
      if (request.align !== "none") {
        alignment = alignCell(request.align, one, other, data, request.seed);
        before = [alignment];
        ends[1] = alignment.address;
        treatment = { ...base, align: request.align };
        paths.push({ treatment, networks: [...ends], before, label: `${label}, aligned` });
      }
      // With batch norm the path above is the repaired one already.
      if (request.repair !== "none" && !batchNorm) {
        paths.push({
          treatment: { ...treatment, repair: true },
          repair: request.repair,
          networks: [...ends],
          before,
          label: `${label}, repaired`,
        });
      }
      if (request.curve === "bezier") {
        const curve = curveCell(ends, look, request.seed, label);
        paths.push({
          treatment: { ...treatment, curve: "bezier" },
          networks: [ends[0]!, curve.address, ends[1]!],
          before: [...before, curve],
          label: `${label}, curved`,
        });
      }
      pairs.push({
        a,
        b,
        alignment,
        paths: paths.map((path) => ({ path, cells: pathCells(path, at, look) })),
      });
    }
  }
  return { look, at, batchNorm, pairs };
}

function cellsOf({ pairs }: Work): PlannedCell[] {
  return uniqueCells(
    pairs.flatMap(({ paths }) => paths.flatMap(({ path, cells }) => [...path.before, ...cells])),
  );
}

/** Positions to add to a path: where the loss (the training loss, when it is looked at) bends most. */
async function bendsOf(
  { at }: Work,
  cells: readonly PlannedCell[],
  { refine: budget }: BarrierRequest,
  { store }: BasinEnv,
): Promise<number[]> {
  const seen = await seenIn(store, cells);
  const losses = seen.map(({ values }) => (values.train ?? values.test)!.loss);
  return refine(at, losses, budget);
}

async function pairOf(
  { a, b, alignment }: PlannedPair,
  paths: readonly Path[],
  subjects: readonly Subject[],
  { threshold }: BarrierRequest,
  { store }: BasinEnv,
): Promise<Pair> {
  const [one, other] = [subjects[a]!, subjects[b]!];
  const kinship = kinshipOf(one.cell, other.cell);
  const height = barrierOf(paths.at(-1)!, "mean", "error")!.height;
  const aligned =
    alignment === undefined
      ? undefined
      : ((await store.get(alignment.address)).result() as unknown as AlignResult);
  return {
    a,
    b,
    ...distanceOf(one, other),
    paths,
    ...(kinship === undefined ? {} : { kinship }),
    verdict: verdict(height, threshold),
    ...(aligned === undefined
      ? {}
      : {
          proof: aligned.proof,
          symmetry: { spaces: aligned.spaces, units: aligned.units, unproved: aligned.unproved },
        }),
  };
}

/** ‖θ_a − θ_b‖₂ over trainable parameters, and divided by the mean of both norms. */
function distanceOf(
  { network: one }: Subject,
  { network: other }: Subject,
): { distance: number; relativeDistance: number } {
  const { size } = flatLayout(one.graph, one.parameters);
  const [a, b] = [one.vector(), other.vector()];
  const none = new Float32Array(a.length);
  const norm = (l2Distance(a, none, size) + l2Distance(b, none, size)) / 2;
  const distance = l2Distance(a, b, size);
  return { distance, relativeDistance: norm > 0 ? distance / norm : 0 };
}

/** A network's own accuracy is that at the end of a path nothing was done to. */
function factsOf({ name, cell, network }: Subject, index: number, pairs: readonly Pair[]): ModelFacts {
  const pair = pairs.find(({ a, b }) => a === index || b === index)!;
  const path = pair.paths[0]!;
  const end = path.at.indexOf(pair.a === index ? 0 : 1);
  const accuracy = Object.fromEntries(
    path.curves.map((curve) => [curve.split, curve.accuracy[end]!.value]),
  ) as NonNullable<ModelFacts["accuracy"]>;
  const parameters = flatLayout(network.graph, network.parameters).size;
  return { name, cell: cell.address, parameters, accuracy };
}

function basinsOf(pairs: readonly Pair[], count: number, threshold: number): (readonly number[])[] {
  const heights = Array.from({ length: count }, () => Array.from({ length: count }, () => 0));
  for (const { a, b, verdict: found } of pairs) {
    heights[a]![b] = found.of.value;
    heights[b]![a] = found.of.value;
  }
  return [...clusterBasins(heights, threshold).groups];
}

/** What a reader should know besides the answer. */
function notes(request: BarrierRequest, subjects: readonly Subject[], { batchNorm }: Work): string[] {
  return [
    ...(request.repair !== "none" && batchNorm
      ? [
          "--repair: in networks with batch norm REPAIR is the re-estimation of its statistics, which was done.",
        ]
      : []),
    ...(request.data.set === undefined ? unlikeData(subjects) : []),
  ];
}

function curveCell(ends: readonly string[], look: Look, seed: number, label: string): PlannedCell {
  const { data, multiplyAdds } = look;
  return plannedCell(
    kinds.curve,
    { data, seed, multiplyAdds },
    { a: ends[0]!, b: ends[1]! },
    `curve ${label}`,
  );
}
