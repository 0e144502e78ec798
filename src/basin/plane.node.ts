import { flatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { DataPlan } from "../data/load.node.ts";
import type { DataSpec } from "../data/types.ts";
import { hullPoints, planeOf } from "../landscape/points-of.ts";
import { rangePoints } from "../landscape/range.ts";
import type { PointValues } from "../landscape/types.ts";
import { costOf } from "./cost.node.ts";
import { bySplit, type Look, lookCells, lookOf, seenIn } from "./look.node.ts";
import { planeWords } from "./plane-words.ts";
import type { ModelFacts, PlaneResults, RunCost, Split } from "./results.ts";
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
import { type BasinEnv, computeCells, planCells, type PlannedCell, uniqueCells } from "./sweep.node.ts";

/** What is asked about a plane of weight space. */
export interface PlaneRequest {
  /** Three: the plane through them. One: the plane of two random directions at it. More than three: see `hull`. */
  readonly models: readonly NamedModel[];
  readonly data: ChosenData;
  /** Points along each axis of the plane through three networks; 21 unless told. */
  readonly grid?: number | undefined;
  /** Positions along both axes around one network, in filter norms; from −1 to 1 unless told. */
  readonly range?: readonly number[] | undefined;
  /** Random points of the convex hull of all models (at least two) to look at; 0: none. */
  readonly hull: number;
  /** auto: batch-norm statistics are estimated anew at every point. */
  readonly renormalize: "auto" | "never";
  /** Images looked at, at most; 0: none of that split. */
  readonly images: { readonly train: number; readonly test: number };
  /** Of random directions and of points of the hull. */
  readonly seed: number;
}

/** What was found, and what it took. */
export interface PlaneOutcome {
  readonly results: PlaneResults;
  readonly cost: RunCost;
}

/** Of the extent of the three networks, left free on each side of them. */
const margin = 0.2;
/** The shorter side of what is shown of a plane is at least this share of the longer: a sliver shows no basin. */
const leastSide = 0.6;
const usualGrid = 21;
const usualRange = rangePoints({ from: -1, to: 1, count: 21 });

/**
 * Looks at a plane of weight space on a grid, some seconds' worth of its points in a cell. Everything finished before is
 * taken from the store.
 * @throws {ScopeError} usage, for a request that cannot be answered; data, when the networks span no plane; as
 *   `readSubjects`, `planSubjectData`, `computeCells`
 */
export async function runPlane(request: PlaneRequest, env: BasinEnv): Promise<PlaneOutcome> {
  const begun = performance.now();
  const subjects = await read(request);
  const spec = chooseData(subjects, request.data);
  const images = await planSubjectData(subjects, spec, env.data);
  const work = planWork(request, subjects, pinned(spec, images), images);
  const cells = cellsOf(work);
  const computed = await computeCells(cells, env);

  const seen = await seenBy(env, work.grid);
  const rows = work.y.map((_, j) => rowOf(seen, j, work.x.length));
  const corners = await seenBy(env, work.corners);
  const splits = (["train", "test"] as const).filter((split) => work.look.images[split] > 0);
  const surfaces = splits.map((split) => ({
    split,
    images: work.look.images[split],
    loss: rows.map((row) => row[split]!.map(({ loss }) => loss)),
    accuracy: rows.map((row) => row[split]!.map(({ accuracy }) => accuracy)),
  }));
  const models = work.places.map((place, i) => ({ ...factsOf(subjects[i]!, corners, i), ...place }));
  const hull =
    work.hull.length === 0 ? undefined : hullOf(subjects, await seenBy(env, work.hull), corners, splits);
  const found = {
    models,
    unit: work.unit,
    x: work.x,
    y: work.y,
    surfaces,
    ...(hull === undefined ? {} : { hull }),
    data: { set: spec.set, ...work.look.images },
  } as const;
  return {
    results: {
      schema: 1,
      kind: "plane",
      ...found,
      words: [
        ...planeWords(found, work.inside),
        ...(work.look.renormalize === null
          ? []
          : [
              `Batch-norm statistics were estimated anew on ${work.look.renormalize.images} training images at every point, at the networks themselves, too.`,
            ]),
        ...(request.data.set === undefined ? unlikeData(subjects) : []),
      ],
    },
    cost: await costOf(
      cells.map(({ address }) => address),
      computed,
      begun,
      env,
    ),
  };
}

/** What `runPlane` would do, without doing it. */
export async function planPlane(request: PlaneRequest, env: BasinEnv): Promise<BasinPlan> {
  const subjects = await read(request);
  const spec = chooseData(subjects, request.data);
  const fetch = await toFetch(spec, env.data);
  if (fetch !== undefined) return { fetch };
  const images = await planSubjectData(subjects, spec, env.data);
  const cells = cellsOf(planWork(request, subjects, pinned(spec, images), images));
  return { plan: await planCells(cells, env.store, env.jobs) };
}

interface Work {
  readonly look: Look;
  readonly unit: PlaneResults["unit"];
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Where the networks of the plane lie on it. */
  readonly places: readonly { readonly x: number; readonly y: number }[];
  /** Whether a point of the grid lies in the triangle of the three networks; [y][x]; none around one network. */
  readonly inside: readonly (readonly boolean[])[] | undefined;
  /** The cells that look at the grid, row by row. */
  readonly grid: readonly PlannedCell[];
  /** Those that look at the networks themselves. */
  readonly corners: readonly PlannedCell[];
  readonly hull: readonly PlannedCell[];
}

async function read({ models, images, hull, grid, range }: PlaneRequest): Promise<Subject[]> {
  const refuse = (message: string, hint: string): never => {
    throw new ScopeError("usage", message, { hint });
  };
  const count = models.length;
  if (count === 1 && hull > 0)
    refuse("--hull: the convex hull of one network is that network", "name three or more");
  if (count === 1 && grid !== undefined)
    refuse("--grid is for the plane through three networks, and one was named", "around one, give --range");
  if (count > 1 && range !== undefined)
    refuse(
      `--range is for the plane around one network, and ${count} were named`,
      "through three, give --grid: the plane's extent follows from where they lie",
    );
  if (count === 2)
    refuse(
      "two networks span a line, not a plane",
      "name a third, or look at the line: transferscope barrier A B",
    );
  if (count > 3 && hull === 0)
    refuse(
      `a plane goes through three networks, and ${count} were named`,
      "with --hull N more may be named, for random points of their convex hull",
    );
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
  request: PlaneRequest,
  subjects: readonly Subject[],
  data: DataSpec,
  images: DataPlan,
): Work {
  const reestimate = subjects[0]!.network.statistics.length > 0 && request.renormalize === "auto";
  const look = {
    ...lookOf(data, images, subjects[0]!.network, request.images, reestimate),
    // Twice the work, for a plane nobody asked to see.
    stale: false,
  };
  if (look.images.train === 0 && look.images.test === 0) {
    throw new ScopeError("data", `${data.set} has no images to look at`, { hint: "choose other --data" });
  }
  const addresses = subjects.map(({ cell }) => cell.address);
  const units = addresses.map((_, i) => addresses.map((__, j) => (i === j ? 1 : 0)));
  const names = subjects.map(({ name }) => name);
  const shared = {
    look,
    corners: lookCells(addresses, units, look, `the networks themselves`),
    hull:
      request.hull === 0
        ? []
        : lookCells(
            addresses,
            hullPoints(addresses.length, request.hull, request.seed),
            look,
            `hull of ${names.length} networks`,
          ),
  };
  if (subjects.length === 1) {
    const { range = usualRange, seed } = request;
    const directions = { seed, count: 2, ignore: "bias+norm" } as const;
    return {
      ...shared,
      unit: "filter norms",
      x: range,
      y: range,
      places: [{ x: 0, y: 0 }],
      inside: undefined,
      grid: lookCells(
        addresses,
        range.flatMap((y) => range.map((x) => [1, x, y])),
        look,
        "plane",
        { directions },
      ),
    };
  }
  const three = subjects.slice(0, 3);
  const { graph, parameters } = three[0]!.network;
  const plane = planeOf(
    three.map(({ network }) => network.vector()),
    flatLayout(graph, parameters).size,
  );
  const grid = request.grid ?? usualGrid;
  const extents = [plane.places.map((place) => place.x), plane.places.map((place) => place.y)].map(
    (values) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      return { middle: (low + high) / 2, length: (1 + 2 * margin) * (high - low) };
    },
  );
  const longest = Math.max(...extents.map(({ length }) => length));
  const [x = [], y = []] = extents.map(({ middle, length: own }) => {
    const length = Math.max(own, leastSide * longest);
    return Array.from({ length: grid }, (_, i) => middle - length / 2 + (length * i) / (grid - 1));
  });
  const points = y.map((v) => x.map((u) => plane.at(u, v)));
  return {
    ...shared,
    unit: "l2 distance",
    x,
    y,
    places: plane.places,
    inside: points.map((row) => row.map((point) => point.every((part) => part >= 0))),
    grid: lookCells(addresses.slice(0, 3), points.flat(), look, "plane"),
  };
}

/** The networks themselves and the hull first: they are what a reader asks for first. */
function cellsOf({ grid, corners, hull }: Work): PlannedCell[] {
  return uniqueCells([...corners, ...hull, ...grid]);
}

type Seen = Readonly<Partial<Record<Split, readonly PointValues[]>>>;

async function seenBy({ store }: BasinEnv, cells: readonly PlannedCell[]): Promise<Seen> {
  return bySplit((await seenIn(store, cells)).map(({ values }) => values));
}

function rowOf(seen: Seen, row: number, width: number): Seen {
  return Object.fromEntries(
    Object.entries(seen).map(([split, all]) => [split, all.slice(row * width, (row + 1) * width)]),
  );
}

function factsOf({ name, cell, network }: Subject, corners: Seen, index: number): ModelFacts {
  const accuracy = Object.fromEntries(
    Object.entries(corners).map(([split, all]) => [split, all[index]!.accuracy]),
  ) as NonNullable<ModelFacts["accuracy"]>;
  return {
    name,
    cell: cell.address,
    parameters: flatLayout(network.graph, network.parameters).size,
    accuracy,
  };
}

function hullOf(
  subjects: readonly Subject[],
  seen: Seen,
  corners: Seen,
  splits: readonly Split[],
): NonNullable<PlaneResults["hull"]> {
  return {
    of: subjects.map(({ name }) => name),
    points: seen[splits[0]!]!.length,
    accuracy: splits.map((split) => {
      const all = seen[split]!.map(({ accuracy }) => accuracy);
      return {
        split,
        mean: all.reduce((sum, one) => sum + one, 0) / all.length,
        least: Math.min(...all),
        most: Math.max(...all),
        corners: corners[split]!.map(({ accuracy }) => accuracy),
      };
    }),
  };
}
