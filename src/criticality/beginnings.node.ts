import type { NamedModel } from "../basin/subjects.node.ts";
import { type PlannedCell, plannedCell } from "../basin/sweep.node.ts";
import { ScopeError } from "../base/error.ts";
import { freshCell, type FreshParams } from "../cells/kinds/fresh.node.ts";
import { initialSpec } from "../cells/kinds/initial.node.ts";
import { type Address, addressOf } from "../store/spec.ts";
import type { Cell } from "../store/cell.node.ts";
import type { Store } from "../store/store.node.ts";
import type { NetworkResult } from "./results.ts";

/** Which weights count as initial: those of a stored run's own start, all zero, fresh random ones, or a given network's. */
export type InitialChoice = "own" | "zero" | "random" | NamedModel;

/** A network by the cell that holds it, or is to hold it. */
export interface Final {
  readonly name: string;
  readonly cell: Pick<Cell, "spec" | "address">;
}

/** The weights a network is taken back to. */
export interface Beginning {
  readonly address: Address;
  /** The cell that makes them; undefined: it is in the store. */
  readonly cell: PlannedCell | undefined;
  /** What they are, for people. */
  readonly text: string;
  readonly group: NetworkResult["group"];
}

/**
 * The initial weights of every network: one choice for all, or one each; without any those a stored run began with.
 * @param seed of fresh random weights
 * @param otherHead choices whose head is for other classes: all but the head is taken from them
 * @throws {ScopeError} usage, when there are neither one nor as many as networks, one is to be its own and is no stored
 *   run, or a network is named twice with the same beginning; as `initialSpec`
 */
export async function beginningsOf(
  subjects: readonly Final[],
  choices: readonly InitialChoice[],
  store: Pick<Store, "get">,
  seed: number,
  otherHead: ReadonlySet<InitialChoice> = new Set(),
): Promise<Beginning[]> {
  if (choices.length > 1 && choices.length !== subjects.length) {
    throw new ScopeError(
      "usage",
      `${choices.length} initial networks were named with --init for ${subjects.length} final ${subjects.length === 1 ? "one" : "ones"}`,
      { hint: "name one for all, or one for each, in the same order" },
    );
  }
  const beginnings = await Promise.all(
    subjects.map(async (subject, i) => {
      const choice = choices.length > 1 ? choices[i]! : (choices[0] ?? "own");
      return await beginningOf(subject, choice, store, seed, otherHead);
    }),
  );
  const seen = new Map<string, string>();
  for (const [i, { name, cell }] of subjects.entries()) {
    const key = `${cell.address} ${beginnings[i]!.address}`;
    const other = seen.get(key);
    if (other !== undefined) {
      throw new ScopeError(
        "usage",
        `${other} and ${name} are the same network with the same initial weights: intervals over networks would count it twice`,
        { hint: "name every network once" },
      );
    }
    seen.set(key, name);
  }
  return beginnings;
}

async function beginningOf(
  { cell, name }: Final,
  choice: InitialChoice,
  store: Pick<Store, "get">,
  seed: number,
  otherHead: ReadonlySet<InitialChoice>,
): Promise<Beginning> {
  const isRun = cell.spec.kind === "train";
  if (choice === "own" && !isRun) {
    throw new ScopeError(
      "usage",
      `${name} does not say with which weights it began: only a stored run does`,
      {
        hint: "name them with --init: a file or run, zero (all weights 0), or random (fresh random weights)",
      },
    );
  }
  const own = isRun ? await initialSpec(cell, store) : undefined;
  const started = own?.inputs["start"] !== undefined;
  const group = own === undefined ? "given" : started ? "fine-tuned" : "from scratch";
  if (choice === "own") {
    const address = addressOf(own!);
    const text = started ? "the pretrained weights it was fine-tuned from" : "its own random start";
    return { address, cell: { spec: own!, address, label: `${name} as it began` }, text, group };
  }
  if (choice === "zero" || choice === "random") {
    // The seed means nothing to zeros: one cell, whatever it is.
    const params: FreshParams = { how: choice, seed: choice === "zero" ? 0 : seed };
    const text = choice === "zero" ? "all zero" : `fresh random weights (seed ${seed})`;
    const made = plannedCell(freshCell, params, { n0: cell.address }, `${name}, ${text}`);
    return { address: made.address, cell: made, text, group };
  }
  if (!otherHead.has(choice))
    return { address: choice.cell.address, cell: undefined, text: choice.name, group };
  const params: FreshParams = { how: "body", seed };
  const text = `${choice.name}, with a fresh head for other classes (seed ${seed})`;
  const made = plannedCell(
    freshCell,
    params,
    { n0: cell.address, body: choice.cell.address },
    `${name}, ${text}`,
  );
  return { address: made.address, cell: made, text, group };
}
