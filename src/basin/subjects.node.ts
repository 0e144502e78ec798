import { canonical, type Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { graphFor, type Network, networkOf } from "../cells/network.node.ts";
import { sameArchitecture } from "../cells/same-architecture.ts";
import { type DataPlan, planData } from "../data/load.node.ts";
import { checkDataSpec } from "../data/spec.ts";
import type { DataEnv, DataSpec } from "../data/types.ts";
import type { Cell } from "../store/cell.node.ts";
import type { Address } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import type { Kinship } from "./results.ts";

/** A network as the user named it, in the store. */
export interface NamedModel {
  readonly address: Address;
  /** What the user called it. */
  readonly title: string;
}

/** Which images the user asked for; absent: those the first network was trained on. */
export interface ChosenData {
  readonly set?: string | undefined;
  readonly classes?: readonly string[] | string | undefined;
}

/** A network of an experiment, read. */
export interface Subject extends NamedModel {
  readonly cell: Cell;
  readonly network: Network;
}

/**
 * Reads the networks of an experiment and checks that weights of one can be combined with weights of the others.
 * @throws {ScopeError} as `networkOf` and `sameArchitecture`
 */
export async function readSubjects(models: readonly NamedModel[], store: Store): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const model of models) {
    const cell = await store.get(model.address);
    subjects.push({ ...model, cell, network: { ...(await networkOf(cell)), title: model.title } });
  }
  sameArchitecture(subjects.map(({ network }) => network));
  return subjects;
}

/** The images of an experiment. */
export interface SubjectData {
  readonly spec: DataSpec;
  readonly plan: DataPlan;
  /** What a reader should know about the choice, as sentences. */
  readonly notes: readonly string[];
}

/**
 * The images networks are looked at with, brought into the cache and checked against what the networks take.
 * @throws {ScopeError} usage, when nobody says which images; data, when they or their labels are not what a network takes
 */
export async function dataFor(
  subjects: readonly Subject[],
  chosen: ChosenData,
  env: DataEnv,
): Promise<SubjectData> {
  const { title, network } = subjects[0]!;
  if (chosen.set === undefined && network.data === undefined) {
    throw new ScopeError("usage", `${title}: on which images? It does not say what it was trained on`, {
      hint: "name a data set with --data",
    });
  }
  const { set, classes } = chosen;
  const wanted = {
    ...(set === undefined ? network.data : { ...sizeOf(network), shuffle: network.data?.shuffle, set }),
    ...(classes === undefined ? {} : { classes }),
  };
  const spec = checkDataSpec(JSON.parse(JSON.stringify(wanted)), "--data");
  const plan = await planData(spec, env);
  for (const subject of subjects) checkLabels(subject, plan, spec.set);
  return { spec, plan, notes: set === undefined ? unlikeData(subjects) : [] };
}

/** The size of image a network takes, as far as its graph says. */
function sizeOf({ graph }: Network): Partial<DataSpec> {
  const [, channels, height, width] = graph.inputs[0]!.shape;
  return {
    ...(channels === 1 || channels === 3 ? { channels } : {}),
    ...(typeof height === "number" ? { height } : {}),
    ...(typeof width === "number" ? { width } : {}),
  };
}

function checkLabels({ title, network }: Subject, plan: DataPlan, set: string): void {
  graphFor({ ...network, title }, plan, set);
  const names = network.classNames;
  const other = names?.findIndex((name, label) => name !== plan.classes[label]) ?? -1;
  if (names === undefined || other < 0) return;
  // Other words for the same things are the user's business; the same words in another order are a mistake.
  if (names.toSorted().join("\n") !== plan.classes.toSorted().join("\n")) return;
  throw new ScopeError(
    "data",
    `${title} calls label ${other} "${names[other]}", ${set} calls it "${plan.classes[other]}": the same classes in another order`,
    { hint: `choose the network's order: --classes ${names.join(",")}` },
  );
}

function unlikeData(subjects: readonly Subject[]): string[] {
  const text = ({ network }: Subject) => canonical(JSON.parse(JSON.stringify(network.data ?? null)) as Json);
  const [first, ...others] = subjects;
  const unlike = others.filter((one) => one.network.data !== undefined && text(one) !== text(first!));
  return unlike.length === 0
    ? []
    : [
        `All is measured on the images ${first!.title} was trained on; ${unlike.map(({ title }) => title).join(", ")} ${unlike.length === 1 ? "was" : "were"} trained on others. Name common ones with --data.`,
      ];
}

/** How two networks are related, where their cells say what they were trained from; undefined for all others. */
export function kinshipOf(a: Cell, b: Cell): Kinship | undefined {
  if (a.address === b.address) return "copy";
  if (a.spec.kind !== "train" || b.spec.kind !== "train") return undefined;
  const { start: left, state } = a.spec.inputs;
  const { start: right, state: other } = b.spec.inputs;
  // A run that goes on from a state began as that run began, whose seeds it repeats.
  if (state !== undefined && state === other) return "same weights";
  if (left !== undefined && right !== undefined) {
    return left === right ? "same weights" : "different pretraining";
  }
  if (left !== undefined || right !== undefined) {
    // One may be the run that the other began from, or parted from.
    return left === b.address || right === a.address ? "same weights" : "pretrained and scratch";
  }
  return seedsOf(a) === seedsOf(b) ? "same init" : "different init";
}

/** What decides a network's first weights, as text. */
function seedsOf({ spec }: Cell): string {
  const { model, seeds } = spec.params as {
    readonly model: Json;
    readonly seeds: { init: number; head: number };
  };
  return canonical({ model, init: seeds.init, head: seeds.head });
}
