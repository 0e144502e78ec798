import { type BasinEnv, computeCells, type PlannedCell } from "../basin/sweep.node.ts";
import type { ChosenModule } from "./chosen-modules.ts";
import type { PlannedNetwork } from "./network-plan.node.ts";
import type { Change, NetworkResult } from "./results.ts";
import { changesOf, planReplacements, replacement } from "./robust.node.ts";

/** Modules that may be frozen together, as measured. */
export interface FreezeList {
  readonly modules: readonly ChosenModule[];
  /** All of them at their initial weights; empty when there are none. */
  readonly together: readonly Change[];
  /** What was looked at on the way. */
  readonly cells: readonly PlannedCell[];
  readonly computed: number;
}

/** Single modules tried once the longest beginning of the order is found. */
const singles = 4;

/**
 * Modules that do as well at their initial weights, together. First the longest run from the input on (what is frozen there
 * needs no gradient at all, and nothing before the first trained module costs more than a forward pass); then the others in
 * order of the error each costs alone, the longest beginning of that order; then the next few, one by one. Together they
 * stay within ε: the upper end of the paired interval, on training images where there are any. The longest is found by
 * bisection. Costs add up or do not: so every step is measured, none concluded.
 */
export async function freezeList(
  planned: PlannedNetwork,
  { modules: results }: NetworkResult,
  epsilon: number,
  env: BasinEnv,
): Promise<FreezeList> {
  const alone = (index: number): Change | undefined => shown(results[index]!.rewound);
  const candidates = planned.modules
    .map((module, i) => ({ module, alone: alone(i) }))
    .filter(({ alone: change }) => change !== undefined && isWithin(change, epsilon))
    .toSorted((a, b) => a.alone!.excess.value - b.alone!.excess.value)
    .map(({ module }) => module);
  const cells: PlannedCell[] = [];
  let computed = 0;
  const look = async (some: readonly ChosenModule[]): Promise<readonly Change[]> => {
    const { subject, beginning, setting } = planned;
    const pair = { name: subject.name, final: subject.cell.address, initial: beginning.address };
    // In the network's order: the same set is the same cell, however it was found.
    const together = some.toSorted((a, b) => a.depth - b.depth);
    const plan = planReplacements(
      pair,
      [replacement(together, { kind: "input", input: "initial" }, "set back together")],
      setting,
      `${some.length} modules set back together`,
    );
    cells.push(...plan.cells);
    computed += await computeCells(plan.cells, env);
    return changesOf((await plan.read(env.store)).scores[0]!);
  };
  let list: readonly ChosenModule[] = [];
  let together: readonly Change[] = [];
  /** Adds the longest beginning of `more` that stays within ε; returns how many are known to be too many. */
  const extend = async (more: readonly ChosenModule[]): Promise<number> => {
    const base = list;
    let [known, bad] = [0, more.length + 1];
    // All of them first: often nothing else need be looked at.
    for (let count = more.length; count > 0 && bad - known > 1; count = Math.floor((known + bad) / 2)) {
      const changes = await look([...base, ...more.slice(0, count)]);
      const change = shown(changes);
      if (change !== undefined && isWithin(change, epsilon)) {
        [known, together] = [count, changes];
        list = [...base, ...more.slice(0, count)];
      } else bad = count;
    }
    return bad;
  };
  const first = planned.modules.findIndex((module) => !candidates.includes(module));
  await extend(planned.modules.slice(0, first < 0 ? planned.modules.length : first));
  const others = candidates.filter((module) => !list.includes(module));
  const bad = await extend(others);
  for (const module of others.slice(bad, bad + singles)) {
    const changes = await look([...list, module]);
    const change = shown(changes);
    if (change === undefined || !isWithin(change, epsilon)) continue;
    list = [...list, module];
    together = changes;
  }
  return { modules: list.toSorted((a, b) => a.depth - b.depth), together, cells, computed };
}

function shown(changes: readonly Change[]): Change | undefined {
  return changes.find(({ split }) => split === "train") ?? changes[0];
}

function isWithin({ excess }: Change, epsilon: number): boolean {
  return excess.high !== null && excess.high <= epsilon + 1e-12;
}
