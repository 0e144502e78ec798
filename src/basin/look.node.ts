import { graphFor, type Network } from "../cells/network.node.ts";
import {
  type BySplit,
  pointCells,
  type PointSeen,
  type PointsLook,
  pointValues,
} from "../cells/points.node.ts";
import type { DataPlan } from "../data/load.node.ts";
import type { DataSpec } from "../data/types.ts";
import { barriers } from "../landscape/barriers.ts";
import { meanCurve } from "../landscape/curve.ts";
import { bezierPoint, linePoint } from "../landscape/points-of.ts";
import type { PointValues } from "../landscape/types.ts";
import { multiplyAddsOf } from "../models/describe.ts";
import type { Address } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import type { Path, Split, Treatment } from "./results.ts";
import type { PlannedCell } from "./sweep.node.ts";

/** Which images a point of weight space is looked at with, and what happens to batch-norm statistics before. */
export interface Look {
  readonly data: DataSpec;
  /** Images of each split, at most; 0 for none of it. */
  readonly images: { readonly train: number; readonly test: number };
  /** Training images, and how many at a time, that statistics are estimated anew on; null: they are not. */
  readonly renormalize: Measured | null;
  /** Training images that REPAIR is measured on. */
  readonly measure: Measured;
  /** Whether to look also before statistics are estimated anew; yes unless told. */
  readonly stale?: boolean;
  /** Multiply-adds of the network for one image: for estimates of time. */
  readonly multiplyAdds: number;
}

export interface Measured {
  readonly images: number;
  readonly batch: number;
}

/** Training images that are enough for means and variances of a channel: their error is some per cent of the spread. */
const estimationImages = 2048;
const estimationBatch = 256;

/** How networks are looked at, with no more images than there are. */
export function lookOf(
  data: DataSpec,
  plan: DataPlan,
  network: Network,
  images: { readonly train: number; readonly test: number },
  reestimate: boolean,
): Look {
  const { counts } = plan;
  const measure = measuredOn(counts.train);
  return {
    data,
    images: { train: Math.min(images.train, counts.train), test: Math.min(images.test, counts.test) },
    renormalize: reestimate ? measure : null,
    measure,
    multiplyAdds: Math.max(1, multiplyAddsOf(graphFor(network, plan, data.set))),
  };
}

/** Of so many training images, those that statistics are estimated on: whole batches, as only these count. */
export function measuredOn(trainImages: number): Measured {
  // Without training images the cell says so, once it needs them.
  const most = Math.max(1, trainImages);
  const batch = Math.min(estimationBatch, most);
  return { images: batch * Math.floor(Math.min(estimationImages, most) / batch), batch };
}

/** A path between two networks, before anything of it is computed. */
export interface PlannedPath {
  readonly treatment: Treatment;
  /** The two networks; on a curve, its control point between them. */
  readonly networks: readonly Address[];
  /** Computed before the path can be looked at: an alignment, a curve. */
  readonly before: readonly PlannedCell[];
  readonly label: string;
  /** How the units of a repaired path are repaired. */
  readonly repair?: "sequential" | "closed";
}

/** The cells that look at a path at these positions, the positions' order kept. */
export function pathCells(path: PlannedPath, at: readonly number[], look: Look): PlannedCell[] {
  const points = at.map((t) => (path.treatment.curve === "bezier" ? bezierPoint(t) : linePoint(t)));
  return lookCells(path.networks, points, look, path.label, { repair: path.repair ?? "none" });
}

/** The cells that look at combinations of networks (then of directions), in the order of the points. */
export function lookCells(
  networks: readonly Address[],
  points: readonly (readonly number[])[],
  { measure, renormalize, ...look }: Look,
  label: string,
  {
    repair = "none",
    directions,
  }: { readonly repair?: PointsLook["repair"]; readonly directions?: Directions } = {},
): PlannedCell[] {
  return pointCells(networks, points, {
    ...look,
    // REPAIR is measured on these images, too.
    renormalize: repair === "none" ? renormalize : measure,
    repair,
    directions,
    label,
  });
}

type Directions = NonNullable<PointsLook["directions"]>;

/** What was seen at the points of finished cells, one after the other. */
export async function seenIn(store: Store, cells: readonly PlannedCell[]): Promise<PointSeen[]> {
  const seen: PointSeen[] = [];
  for (const { address } of cells) seen.push(...(await pointValues(await store.get(address))));
  return seen;
}

/**
 * A path from what was seen at its positions. Where statistics were estimated anew there are two: first with the
 * interpolated ones, then with these.
 * @param at positions in any order, parallel to `seen`
 * @param seed of the bootstrap: paths over the same images are resampled alike by the same seed
 */
export function pathsOf(
  { treatment }: PlannedPath,
  at: readonly number[],
  seen: readonly PointSeen[],
  seed: number,
): Path[] {
  const order = at.map((_, i) => i).toSorted((i, j) => at[i]! - at[j]!);
  const sorted = order.map((i) => at[i]!);
  const path = (values: readonly BySplit[], of: Treatment): Path => {
    const found = bySplit(order.map((i) => values[i]!));
    const splits = (["train", "test"] as const).flatMap((split) => {
      const all = found[split];
      return all === undefined ? [] : [{ split, all }];
    });
    return {
      treatment: of,
      at: sorted,
      curves: splits.map(({ split, all }) => meanCurve(split, all)),
      barriers: splits.flatMap(({ split, all }) => barriers(sorted, all, { split, seed })),
    };
  };
  const own = path(
    seen.map(({ values }) => values),
    treatment,
  );
  const stale = seen.flatMap((one) => (one.stale === undefined ? [] : [one.stale]));
  return stale.length === seen.length
    ? [path(stale, { ...treatment, statistics: "interpolated" }), own]
    : [own];
}

/** Points' values by split, one entry a point; splits that were not looked at are absent. */
export function bySplit(
  points: readonly BySplit[],
): Readonly<Partial<Record<Split, readonly PointValues[]>>> {
  const values = (split: Split) => points.flatMap((one) => one[split] ?? []);
  const [train, test] = [values("train"), values("test")];
  return { ...(train.length > 0 ? { train } : {}), ...(test.length > 0 ? { test } : {}) };
}
