import { canonical, type Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { defaultCache, loadData, planData } from "../data/load.node.ts";
import type { DataSpec, LoadedData, Split } from "../data/types.ts";
import type { CellContext } from "../sweep/kind.ts";
import type { Network } from "./network.node.ts";
import { someImages } from "./some-images.ts";

/** Training images that decide which networks are averaged. */
export interface HeldOut {
  readonly images: number;
  /** Of the draw, where the data section holds out none by itself. */
  readonly seed: number;
}

/** The images of an average: those it is chosen on, those it is judged on. */
export interface HeldOutData {
  readonly data: LoadedData;
  readonly heldOut: Split;
  /** Whether a run on this data section never trained on the held-out images. */
  readonly unseen: boolean;
}

/** The data section with images held out, and whether a run on the original one has not seen them. */
async function withHeldOut(
  spec: DataSpec,
  { images, seed }: HeldOut,
): Promise<{ readonly spec: DataSpec; readonly unseen: boolean }> {
  // Held out already when it was trained: those are the images nobody saw.
  if ((spec.validation ?? 0) >= images) return { spec, unseen: true };
  const held = { ...spec, validation: images, splitSeed: seed };
  if (spec.trainSize === undefined) return { spec: held, unseen: false };
  const { trainSize: _all, ...rest } = spec;
  const { counts } = await planData({ ...rest, validation: 0 }, { cache: defaultCache() });
  if (spec.trainSize + images <= counts.train) return { spec: held, unseen: true };
  return { spec: { ...rest, validation: images, splitSeed: seed }, unseen: false };
}

/**
 * Loads a data section with images held out of its training split: of those a run on it does not train on, when there are
 * enough; else of all, and `unseen` says so.
 * @throws {ScopeError} as `loadData`; data, when there are none
 */
export async function heldOutData(
  spec: DataSpec,
  heldOut: HeldOut,
  context: Pick<CellContext, "signal">,
): Promise<HeldOutData> {
  const { spec: held, unseen } = await withHeldOut(spec, heldOut);
  const data = await loadData(held, { cache: defaultCache(), signal: context.signal });
  if (data.validation.count === 0)
    throw new ScopeError("data", `${spec.set} has no training images to hold out`);
  return { data, heldOut: someImages(data.validation, heldOut.images), unseen };
}

/** Whether networks were trained on held-out images: no, yes, or nobody can say. */
export type Seen = "no" | "yes" | "unknown";

/** What is known of networks and the held-out images of a data section. */
export function seenBy(networks: readonly Network[], spec: DataSpec, unseen: boolean): Seen {
  const told = networks.map(({ data }): Seen => {
    if (data === undefined) return "unknown";
    if (data.set !== spec.set) return "no";
    if (drawn(data) !== drawn(spec)) return "unknown";
    return unseen ? "no" : "yes";
  });
  return told.includes("yes") ? "yes" : told.includes("unknown") ? "unknown" : "no";
}

/** What decides which training images a run sees. */
function drawn({ set, classes, trainSize, subsetSeed = 0, validation = 0, splitSeed = 0 }: DataSpec): string {
  const what = { set, classes, trainSize, subsetSeed, ...(validation > 0 ? { validation, splitSeed } : {}) };
  return canonical(JSON.parse(JSON.stringify(what)) as Json);
}
