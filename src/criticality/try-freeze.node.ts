import { type BasinEnv, computeCells, type PlannedCell, plannedCell } from "../basin/sweep.node.ts";
import { ScopeError } from "../base/error.ts";
import { trainCell } from "../cells/kinds/train.node.ts";
import type { TrainResult } from "../cells/train-facts.ts";
import { trainParams } from "../cells/train-params.ts";
import type { Cell } from "../store/cell.node.ts";
import { mean, meanInterval } from "../tensor/stats.ts";
import type { FreezeResult, Interval } from "./results.ts";

type Tried = NonNullable<FreezeResult["tried"]>;

/** Training runs that follow a list, and full ones, seed by seed. */
export interface FreezeTrial {
  /** Full and frozen by turns, so that both meet the same machine. */
  readonly cells: readonly PlannedCell[];
  readonly seeds: readonly number[];
}

/**
 * Runs with the recipe of a stored one and other seeds: with everything trained, and with `freeze` left out of training.
 * @throws {ScopeError} usage, when the cell is no whole training run of its own
 */
export function planTrial(
  run: Cell,
  freeze: readonly string[],
  count: number,
  firstSeed: number,
): FreezeTrial {
  const { start, state } = run.spec.inputs;
  if (run.spec.kind !== "train" || state !== undefined) {
    throw new ScopeError(
      "usage",
      "--try-freeze trains again as a stored run was trained, and the network named is no such run",
      { hint: "name a run of the store (transferscope runs list), or leave --try-freeze out" },
    );
  }
  const { keep: _, until: __, ...params } = trainParams.parse(run.spec.params);
  const seeds = Array.from({ length: count }, (___, i) => firstSeed + i);
  const inputs = start === undefined ? {} : { start };
  const cells = seeds.flatMap((seed) =>
    [[], freeze].map((frozen) =>
      plannedCell(
        trainCell,
        {
          ...params,
          keep: [],
          seeds: { init: seed, head: seed, order: seed, augmentation: seed },
          recipe: { ...params.recipe, freeze: [...new Set([...params.recipe.freeze, ...frozen])] },
        },
        inputs,
        `${frozen.length === 0 ? "full" : "frozen"} training, seed ${seed}`,
      ),
    ),
  );
  return { cells, seeds };
}

/** Computes the runs of a trial and compares them. @param trained numbers trained, by full and frozen runs */
export async function runTrial(
  { cells, seeds }: FreezeTrial,
  trained: { readonly full: number; readonly frozen: number },
  env: BasinEnv,
): Promise<{ readonly tried: Tried; readonly computed: number }> {
  const computed = await computeCells(cells, env);
  const runs = await Promise.all(
    cells.map(async ({ address }) => {
      const cell = await env.store.get(address);
      const { accuracy } = cell.result() as unknown as TrainResult;
      return { accuracy, seconds: Number(cell.cost()?.["seconds"] ?? 0) };
    }),
  );
  const [full, frozen] = [0, 1].map((k) => seeds.map((_, i) => runs[2 * i + k]!)) as [
    typeof runs,
    typeof runs,
  ];
  const row = (what: "full" | "frozen", some: typeof runs): Tried["rows"][number] => ({
    what,
    accuracy: over(
      some.map(({ accuracy }) => accuracy),
      0,
      1,
    ),
    accuracies: some.map(({ accuracy }) => accuracy),
    seconds: over(
      some.map(({ seconds }) => seconds),
      0,
    ),
    trained: trained[what],
  });
  const ratios = seeds.map((_, i) => Math.log(full[i]!.seconds / frozen[i]!.seconds));
  const { value, low, high } = over(ratios);
  return {
    computed,
    tried: {
      seeds,
      rows: [row("full", full), row("frozen", frozen)],
      accuracy: over(
        seeds.map((_, i) => frozen[i]!.accuracy - full[i]!.accuracy),
        -1,
        1,
      ),
      speed: {
        value: Math.exp(value),
        low: low === null ? null : Math.exp(low),
        high: high === null ? null : Math.exp(high),
      },
    },
  };
}

/** Mean with Student's interval, kept within what such values can be. */
function over(values: readonly number[], least = -Infinity, most = Infinity): Interval {
  const range = meanInterval(values, 0.95);
  return {
    value: mean(values),
    low: range === null ? null : Math.max(least, range.low),
    high: range === null ? null : Math.min(most, range.high),
  };
}
