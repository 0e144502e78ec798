import { flatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { AlignResult } from "../cells/kinds/align.node.ts";
import * as kinds from "../cells/kinds/index.ts";
import { type Network, networkOf } from "../cells/network.node.ts";
import type { DataSpec } from "../data/types.ts";
import { decimal, grouped } from "../figure/numbers.ts";
import type { Address } from "../store/spec.ts";
import { l2Distance } from "./heights.ts";
import type { Treatment } from "./results.ts";
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
} from "./subjects.node.ts";
import { type BasinEnv, computeCells, planCells, type PlannedCell, plannedCell } from "./sweep.node.ts";

export type AlignMethod = Exclude<Treatment["align"], "none">;

/** Which network is to be brought into the order of which. */
export interface AlignRequest {
  /** Two: the second is moved to the first. */
  readonly models: readonly NamedModel[];
  readonly method: AlignMethod;
  /** For activations and ste; weights need no images. */
  readonly data: ChosenData;
  readonly seed: number;
}

/** A network whose units stand in another's order. */
export interface AlignOutcome {
  /** The cell that holds the moved network. */
  readonly address: Address;
  readonly network: Network;
  readonly result: AlignResult;
  /** ‖θ_a − θ_b‖₂ over trainable parameters, before and after. */
  readonly distance: { readonly before: number; readonly after: number };
  readonly words: readonly string[];
}

/**
 * Permutes the units of the second network so that it stands in the order of the first, and proves that it computes what
 * it did.
 * @throws {ScopeError} usage, for a request that cannot be answered; data, when the proof fails; as `readSubjects`,
 *   `computeCells`
 */
export async function runAlign(request: AlignRequest, env: BasinEnv): Promise<AlignOutcome> {
  const subjects = await read(request);
  const data = await imagesFor(request, subjects, env);
  const planned = alignCell(request.method, subjects[0]!, subjects[1]!, data, request.seed);
  await computeCells([planned], env);
  const cell = await env.store.get(planned.address);
  const network = await networkOf(cell);
  const result = cell.result() as unknown as AlignResult;
  const [a, b] = subjects.map((subject) => subject.network.vector());
  const { size } = flatLayout(network.graph, network.parameters);
  const distance = { before: l2Distance(a!, b!, size), after: l2Distance(a!, network.vector(), size) };
  const words = alignWords(request, subjects, result, distance);
  return { address: planned.address, network, result, distance, words };
}

/** What `runAlign` would do, without doing it. */
export async function planAlign(request: AlignRequest, env: BasinEnv): Promise<BasinPlan> {
  const subjects = await read(request);
  if (request.method !== "weights") {
    const fetch = await toFetch(chooseData(subjects, request.data), env.data);
    if (fetch !== undefined) return { fetch };
  }
  const data = await imagesFor(request, subjects, env);
  const planned = alignCell(request.method, subjects[0]!, subjects[1]!, data, request.seed);
  return { plan: await planCells([planned], env.store, env.jobs) };
}

/** The cell that moves `other` into the order of `one`. Weight matching looks at no images: it is the same for all. */
export function alignCell(
  method: AlignMethod,
  one: Pick<Subject, "cell" | "name">,
  other: Pick<Subject, "cell" | "name">,
  data: DataSpec | undefined,
  seed: number,
): PlannedCell {
  const params = { method, seed, ...(method === "weights" ? {} : { data }) };
  const inputs = { a: one.cell.address, b: other.cell.address };
  return plannedCell(kinds.align, params, inputs, `align ${other.name} to ${one.name}`);
}

async function read({ models }: AlignRequest): Promise<Subject[]> {
  if (models.length !== 2) {
    throw new ScopeError("usage", `align moves one network to another, ${models.length} were named`, {
      hint: "transferscope align A B --out moved.onnx moves B",
    });
  }
  return await readSubjects(models);
}

async function imagesFor(
  { method, data }: AlignRequest,
  subjects: readonly Subject[],
  env: BasinEnv,
): Promise<DataSpec | undefined> {
  if (method === "weights") return undefined;
  const spec = chooseData(subjects, data);
  return pinned(spec, await planSubjectData(subjects, spec, env.data));
}

const objectives: Readonly<Record<AlignMethod, string>> = {
  weights: "the inner product of the two networks' weights",
  activations: "the summed match of the two networks' activations",
  ste: "the loss half-way between the two networks",
};

function alignWords(
  { method }: AlignRequest,
  [one, other]: readonly Subject[],
  result: AlignResult,
  distance: AlignOutcome["distance"],
): string[] {
  const [a, b] = [one!.name, other!.name];
  const { moved, units, spaces, start, proof, unproved, sweeps } = result;
  const end = result.objective.at(-1) ?? start;
  const groups = `${grouped(spaces)} ${spaces === 1 ? "group" : "groups"}`;
  // The straight-through estimator's objective is minus a loss: people read losses.
  const [before, after] = method === "ste" ? [-start, -end] : [start, end];
  const matched =
    after === before
      ? `left ${objectives[method]} at ${significant(after)}`
      : `${after > before ? "raised" : "lowered"} ${objectives[method]} from ${significant(before)} to ${significant(after)}`;
  return [
    moved === 0
      ? `${b} stands in ${a}'s order already: none of its ${grouped(units)} free units (in ${groups}) was moved.`
      : `Of ${grouped(units)} free units of ${b} (in ${groups}) ${grouped(moved)} were moved, in ${sweeps} ${method === "ste" ? "updates" : sweeps === 1 ? "sweep" : "sweeps"}.`,
    `Matching ${matched}; the distance to ${a} ${distance.after < distance.before ? "fell" : "went"} from ${significant(distance.before)} to ${significant(distance.after)}.`,
    `Proof: the moved network computes what ${b} computes; its outputs differ by at most ${proof.toExponential(1)} of the largest.`,
    ...unproved,
  ];
}

function significant(x: number): string {
  const size = Math.abs(x);
  return decimal(x, size >= 1000 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 3 : 6);
}
