import type { PlannedCell } from "../basin/sweep.node.ts";
import { readReplace, replaceCells, type Replacement, type ReplaceSeen } from "../cells/replace.node.ts";
import type { Address } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import { wilson } from "../tensor/intervals.ts";
import { mean, meanInterval } from "../tensor/stats.ts";
import type { ChosenModule } from "./chosen-modules.ts";
import type { Change, Interval, NetworkResult } from "./results.ts";
import type { Setting } from "./setting.node.ts";

/** A network with its weights and those it is taken back to. */
export interface Pair {
  readonly name: string;
  readonly final: Address;
  readonly initial: Address;
}

/** Draws of fresh weights of a module: enough for an interval, which three make a wide one. */
export const freshDraws = 3;
/** Far from the seeds that people give runs, whose own random weights these must not be. */
const firstFresh = 7_340_033;

/** One look at a network with weights replaced: by split, as found by a cell. */
export type Scores = ReplaceSeen["replacements"][number]["scores"];

/** Replacements of modules as cells: what they found can be read once they are finished. */
export interface PlannedReplacements {
  readonly cells: readonly PlannedCell[];
  /** Everything found, parallel to the replacements given. */
  read(store: Store): Promise<{
    readonly scores: readonly Scores[];
    readonly final: ReplaceSeen["final"];
    readonly statistics: NetworkResult["statistics"];
  }>;
}

/** Cells that look at a network with these replacements, one at a time. */
export function planReplacements(
  { name, final, initial }: Pair,
  replacements: readonly Replacement[],
  { data, images, statistics, multiplyAdds }: Setting,
  label: string,
): PlannedReplacements {
  const cells = replaceCells({
    final,
    initial,
    replacements,
    data,
    images,
    statistics,
    multiplyAdds,
    label: `${name}, ${label}`,
  });
  return {
    cells,
    read: async (store) => {
      const seen: ReplaceSeen[] = [];
      for (const { address } of cells) seen.push(await readReplace(await store.get(address)));
      return {
        scores: seen.flatMap((one) => one.replacements.map(({ scores }) => scores)),
        final: seen[0]!.final,
        statistics: seen[0]!.statistics,
      };
    },
  };
}

/** A module, or several together, with weights from a source. */
export function replacement(
  modules: readonly Pick<ChosenModule, "name" | "parameters" | "statistics">[],
  source: Replacement["source"],
  label: string,
): Replacement {
  return {
    label: `${modules.map(({ name }) => name).join(" + ")} ${label}`,
    parameters: modules.flatMap(({ parameters }) => parameters),
    statistics: modules.flatMap(({ statistics }) => statistics),
    source,
  };
}

/** Fresh draws of a module. */
export function freshReplacements(module: ChosenModule): Replacement[] {
  return Array.from({ length: freshDraws }, (_, draw) =>
    replacement([module], { kind: "fresh", seed: firstFresh + draw }, `drawn anew, ${draw + 1}`),
  );
}

const splits = ["train", "test"] as const;

/** One look as changes by split. */
export function changesOf(scores: Scores): Change[] {
  return splits.flatMap((split): Change[] => {
    const score = scores[split];
    if (score === undefined) return [];
    const { images, errors, loss, excess } = score;
    return [{ split, images, error: { value: errors / images, ...wilson(errors, images) }, excess, loss }];
  });
}

/**
 * Several draws as changes by split: means over draws. Intervals know draws and images: Student's over draws in quadrature
 * with the mean of the draws' own ends over images (the images are the same in all draws, so that their luck does not
 * average out). Draws that happen to agree do not make certain.
 */
export function meanChanges(draws: readonly Scores[]): Change[] {
  return splits.flatMap((split): Change[] => {
    const found = draws.flatMap((scores) => scores[split] ?? []);
    if (found.length === 0) return [];
    const losses = found.map(({ loss }) => loss);
    return [
      {
        split,
        images: found[0]!.images,
        error: over(
          found.map(({ errors, images }) => ({ value: errors / images, ...wilson(errors, images) })),
          0,
        ),
        excess: over(
          found.map(({ excess }) => excess),
          -1,
        ),
        loss: losses.every((loss) => loss !== null) ? mean(losses) : null,
      },
    ];
  });
}

/** Mean with its interval over draws and images, kept within what a share (or a difference of shares) can be. */
function over(draws: readonly Interval[], least: number): Interval {
  const values = draws.map(({ value }) => value);
  const value = mean(values);
  const range = meanInterval(values, 0.95);
  if (range === null) return { value, low: null, high: null };
  const half = range.high - value;
  const below = mean(draws.map((one) => one.value - (one.low ?? one.value)));
  const above = mean(draws.map((one) => (one.high ?? one.value) - one.value));
  return {
    value,
    low: Math.max(least, value - Math.hypot(half, below)),
    high: Math.min(1, value + Math.hypot(half, above)),
  };
}

/** The final network itself, by split. */
export function finalOf(final: ReplaceSeen["final"]): NetworkResult["final"] {
  return splits.flatMap((split) => {
    const score = final[split];
    if (score === undefined) return [];
    const { images, errors, loss } = score;
    // A final network whose loss is no number was refused when it was read.
    return [
      {
        split,
        images,
        error: { value: errors / images, ...wilson(errors, images) },
        loss: loss ?? Number.NaN,
      },
    ];
  });
}
