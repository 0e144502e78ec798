import { canonical, type Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { graphFor, type Network, networkOf } from "../cells/network.node.ts";
import { sameArchitecture } from "../cells/same-architecture.ts";
import { type DataPlan, planData } from "../data/load.node.ts";
import { describeSet } from "../data/prepare.node.ts";
import { checkDataSpec, folderOf } from "../data/spec.ts";
import type { DataEnv, DataSpec } from "../data/types.ts";
import type { Cell } from "../store/cell.node.ts";
import type { Plan } from "../sweep/plan.ts";
import type { Kinship } from "./results.ts";

/** A network as the user named it. */
export interface NamedModel {
  readonly cell: Cell;
  /** What to call it in sentences and figures: short, and no other's. */
  readonly name: string;
  /** As it was typed, for commands that a reader may type next. */
  readonly typed: string;
}

/** Which images the user asked for; absent: those the first network was trained on. */
export interface ChosenData {
  readonly set?: string | undefined;
  readonly classes?: readonly string[] | string | undefined;
}

/** A network of an experiment, read. */
export interface Subject extends NamedModel {
  readonly network: Network;
}

/**
 * Reads the networks of an experiment and checks that weights of one can be combined with weights of the others.
 * @throws {ScopeError} as `networkOf` and `sameArchitecture`
 */
export async function readSubjects(models: readonly NamedModel[]): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const model of models) {
    subjects.push({ ...model, network: { ...(await networkOf(model.cell)), title: model.name } });
  }
  sameArchitecture(subjects.map(({ network }) => network));
  return subjects;
}

/** What an experiment would do. One of the two is absent: without images there is no plan. */
export interface BasinPlan {
  readonly plan?: Plan;
  /** A set that must be fetched first. */
  readonly fetch?: { readonly name: string; readonly downloadBytes: number };
}

/**
 * The images networks are looked at with.
 * @throws {ScopeError} usage, when nobody says which
 */
export function chooseData(subjects: readonly Subject[], { set, classes }: ChosenData): DataSpec {
  const { name, network } = subjects[0]!;
  if (set === undefined && network.data === undefined) {
    throw new ScopeError("usage", `${name}: on which images? It does not say what it was trained on`, {
      hint: "name a data set with --data",
    });
  }
  const wanted = {
    ...(set === undefined ? network.data : { ...sizeOf(network), shuffle: network.data?.shuffle, set }),
    ...(classes === undefined ? {} : { classes }),
  };
  return checkDataSpec(JSON.parse(JSON.stringify(wanted)), "--data");
}

/** Data as cells are told of them: a folder's by what is in it, as its images may be others another time. */
export function pinned(spec: DataSpec, { fingerprint }: Pick<DataPlan, "fingerprint">): DataSpec {
  return folderOf(spec.set) === undefined ? spec : { ...spec, fingerprint };
}

/** The set that must be fetched before its images can be counted; undefined when it is in the cache or generated. */
export async function toFetch({ set }: DataSpec, { cache }: DataEnv): Promise<BasinPlan["fetch"]> {
  if (folderOf(set) !== undefined) return undefined;
  const { name, prepared, downloadBytes } = await describeSet(set, { cache });
  return prepared === undefined && downloadBytes !== undefined ? { name, downloadBytes } : undefined;
}

/**
 * Brings the images into the cache, counts them, and checks them against what the networks take.
 * @throws {ScopeError} data, when they or their labels are not what a network takes; as `planData`
 */
export async function planSubjectData(
  subjects: readonly Subject[],
  spec: DataSpec,
  env: DataEnv,
): Promise<DataPlan> {
  const planned = async (asked: DataSpec): Promise<DataPlan> => {
    const plan = await planData(asked, env);
    for (const subject of subjects) checkLabels(subject, plan, spec.set);
    return plan;
  };
  try {
    return await planned(spec);
  } catch (error) {
    // Too few images may be those of the wrong classes: then that is the mistake.
    const { trainSize, testSize, validation, ...all } = spec;
    if (trainSize !== undefined || testSize !== undefined || validation !== undefined) await planned(all);
    throw error;
  }
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

function checkLabels({ name, network }: Subject, plan: DataPlan, set: string): void {
  graphFor(network, plan, set);
  const names = network.classNames;
  const other = names?.findIndex((one, label) => one !== plan.classes[label]) ?? -1;
  if (names === undefined || other < 0) return;
  // Other words for the same things are the user's business; the same words in another order are a mistake.
  if (names.toSorted().join("\n") !== plan.classes.toSorted().join("\n")) return;
  throw new ScopeError(
    "data",
    `${name} calls label ${other} "${names[other]}", ${set} calls it "${plan.classes[other]}": the same classes in another order`,
    { hint: `choose the network's order: --classes ${names.join(",")}` },
  );
}

/** What a reader should know when each network was trained on images of its own, and the first one's were taken. */
export function unlikeData(subjects: readonly Subject[]): string[] {
  const text = ({ network }: Subject) => canonical(JSON.parse(JSON.stringify(network.data ?? null)) as Json);
  const [first, ...others] = subjects;
  const unlike = others.filter((one) => one.network.data !== undefined && text(one) !== text(first!));
  return unlike.length === 0
    ? []
    : [
        `All is measured on the images ${first!.name} was trained on; ${unlike.map(({ name }) => name).join(", ")} ${unlike.length === 1 ? "was" : "were"} trained on others. Name common ones with --data.`,
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
