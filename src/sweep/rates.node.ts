import type { Store } from "../store/store.node.ts";
import type { Rates, SweepGraph } from "./graph.ts";

/** How many cells of a kind are looked at: enough to average over, few enough for a store of any size. */
const sample = 200;

/**
 * What cells of this sweep that are finished took, against their estimates: seconds per unit of work, by kind. Kinds
 * without a finished cell keep the rate given in `fallback`.
 */
export async function measuredRates(store: Store, graph: SweepGraph, fallback: Rates = {}): Promise<Rates> {
  const sums = new Map<string, { seconds: number; work: number; cells: number }>();
  for (const { address, spec, work } of graph.cells.values()) {
    const sum = sums.get(spec.kind) ?? { seconds: 0, work: 0, cells: 0 };
    if (work <= 0 || sum.cells >= sample || !(await store.has(address))) continue;
    const seconds = (await store.get(address)).cost()?.["seconds"];
    if (typeof seconds !== "number" || !(seconds >= 0)) continue;
    sums.set(spec.kind, { seconds: sum.seconds + seconds, work: sum.work + work, cells: sum.cells + 1 });
  }
  return {
    ...fallback,
    ...Object.fromEntries([...sums].map(([kind, { seconds, work }]) => [kind, seconds / work])),
  };
}
