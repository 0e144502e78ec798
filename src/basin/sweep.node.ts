import type { Json } from "../base/canonical.ts";
import * as kinds from "../cells/kinds/index.ts";
import { workerUrl } from "../cells/worker-url.node.ts";
import type { DataEnv } from "../data/types.ts";
import { type Address, addressOf, type CellSpec } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import type { SweepEvent } from "../sweep/event.ts";
import type { CellKind } from "../sweep/kind.ts";
import { type Rates, sweepGraph } from "../sweep/graph.ts";
import { requireComplete } from "../sweep/outcome.ts";
import { type Plan, planGraph } from "../sweep/plan.ts";
import { measuredRates } from "../sweep/rates.node.ts";
import { doneIn, runGraph } from "../sweep/run.node.ts";

/** What an experiment over cells needs from the caller. */
export interface BasinEnv {
  readonly store: Store;
  readonly jobs: number;
  readonly device: string;
  readonly data: DataEnv;
  readonly onEvent?: ((event: SweepEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly kill?: AbortSignal | undefined;
  /** The command a reader can type to get the same page. */
  readonly command: string;
}

/** A cell of an experiment, with what to call it before a person. */
export interface PlannedCell {
  readonly spec: CellSpec;
  readonly address: Address;
  readonly label: string;
}

/** A cell of this kind. Fields of `params` that are undefined are dropped. */
export function plannedCell(
  { kind, version }: Pick<CellKind, "kind" | "version">,
  params: unknown,
  inputs: Readonly<Record<string, Address>>,
  label: string,
): PlannedCell {
  // Plain data by construction of the callers; the round trip drops fields that are undefined.
  const spec: CellSpec = {
    kind,
    version,
    params: JSON.parse(JSON.stringify(params)) as Json,
    inputs,
  };
  return { spec, address: addressOf(spec), label };
}

/** The same cells, each address once, in order of first mention. */
export function uniqueCells(cells: readonly PlannedCell[]): PlannedCell[] {
  return [...new Map(cells.map((cell) => [cell.address, cell])).values()];
}

/**
 * Computes what the store lacks of these cells.
 * @returns how many this call computed
 * @throws {ScopeError} as `runGraph`; the fault of a cell that failed; cancelled, when stopped
 */
export async function computeCells(
  cells: readonly PlannedCell[],
  env: BasinEnv,
  rates: Rates = {},
): Promise<number> {
  const missing = await Promise.all(cells.map(({ address }) => env.store.has(address)));
  if (missing.every((has) => has)) return 0;
  const outcome = await runGraph(
    cells.map(({ spec }) => spec),
    {
      kinds,
      rates,
      label: labelOf(cells),
      store: env.store,
      workers: env.jobs,
      workerUrl,
      device: env.device,
      signal: env.signal,
      kill: env.kill,
      onEvent: env.onEvent,
    },
  );
  requireComplete(outcome);
  return outcome.finished;
}

/** What `computeCells` would do, at measured rates where finished cells give them, else at those of `fallback`. */
export async function planCells(
  cells: readonly PlannedCell[],
  store: Store,
  jobs: number,
  fallback: Rates = {},
): Promise<Plan> {
  const specs = cells.map(({ spec }) => spec);
  const rates = await measuredRates(store, sweepGraph(specs, { kinds }), fallback);
  const graph = sweepGraph(specs, { kinds, rates, label: labelOf(cells) });
  return planGraph(graph, await doneIn(store, graph), jobs);
}

function labelOf(cells: readonly PlannedCell[]): (spec: CellSpec) => string {
  const labels = new Map(cells.map(({ address, label }) => [address, label]));
  return (spec) => labels.get(addressOf(spec)) ?? spec.kind;
}
