import { networkOf } from "../cells/network.node.ts";
import { pointCells, type PointSeen, pointValues } from "../cells/points.node.ts";
import { flatLayout } from "../autodiff/flat.ts";
import type { DataSpec } from "../data/types.ts";
import { linePoint } from "../landscape/points-of.ts";
import type { Store } from "../store/store.node.ts";
import { l2Distance, pathOf, type PathValues } from "./heights.ts";
import type { Path, Split, Treatment } from "./results.ts";
import type { PlannedCell } from "./sweep.node.ts";

/** How the straight path between the two networks of a pair is looked at. */
export interface PairRequest {
  readonly data: DataSpec;
  /** Positions, rising, 0 and 1 among them. */
  readonly at: readonly number[];
  /** Images looked at of each split. */
  readonly images: { readonly train: number; readonly test: number };
  readonly statistics: Treatment["statistics"];
  /** Training images there are, to estimate statistics on. */
  readonly trainImages: number;
  /** Of the network for one image: only for estimates of time. */
  readonly multiplyAdds: number;
}

/** A pair of networks and the path between them. */
export interface MeasuredPair {
  readonly path: Path;
  /** ‖θ_a − θ_b‖₂ over all trainable parameters. */
  readonly distance: number;
}

/** Training images that batch-norm statistics are estimated anew from, and how many a batch. */
export function statisticsFrom(trainImages: number): { readonly images: number; readonly batch: number } {
  return { images: Math.min(1024, trainImages), batch: Math.min(128, trainImages) };
}

/** The cells that look at the path from `a` to `b`; at a single point, when both are the same network. */
export function pairCells(a: PlannedCell, b: PlannedCell, request: PairRequest): PlannedCell[] {
  const { data, images, statistics, trainImages, multiplyAdds } = request;
  const renormalize = statistics === "re-estimated" ? statisticsFrom(trainImages) : null;
  return pointCells([a.address, b.address], positionsOf(a, b, request).map(linePoint), {
    data,
    images,
    renormalize,
    stale: false,
    multiplyAdds,
    label: `path ${a.label} – ${b.label}`,
  });
}

/** The path between two networks, from finished cells. @throws {ScopeError} as `networkOf`, `pointValues` and `pathsOf` */
export async function readPair(
  store: Store,
  a: PlannedCell,
  b: PlannedCell,
  request: PairRequest,
): Promise<MeasuredPair> {
  const seen: PointSeen[] = [];
  for (const { address } of pairCells(a, b, request))
    seen.push(...(await pointValues(await store.get(address))));
  const { at, statistics } = request;
  const everywhere = at.map((_, i) => seen[seen.length === at.length ? i : 0]!.values);
  const of = (split: Split): PathValues => {
    const values = everywhere.flatMap((one) => one[split] ?? []);
    return values.length === 0 ? {} : { [split]: values };
  };
  const treatment = { align: "none", curve: "linear", repair: false, statistics } as const;
  const path = pathOf(at, { ...of("train"), ...of("test") }, treatment);
  return { path, distance: await distanceOf(store, a, b) };
}

/** A network and itself: the same at every position. */
function positionsOf(a: PlannedCell, b: PlannedCell, { at }: PairRequest): readonly number[] {
  return a.address === b.address ? [0] : at;
}

async function distanceOf(store: Store, a: PlannedCell, b: PlannedCell): Promise<number> {
  if (a.address === b.address) return 0;
  const networks = [await networkOf(await store.get(a.address)), await networkOf(await store.get(b.address))];
  const { graph, parameters } = networks[0]!;
  return l2Distance(networks[0]!.vector(), networks[1]!.vector(), flatLayout(graph, parameters).size);
}
