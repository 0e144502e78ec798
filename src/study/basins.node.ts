import { gridRow } from "../basin/grid-row.ts";
import { gridWords } from "../basin/instability-words.ts";
import { type MeasuredPair, pairCells, type PairRequest, readPair } from "../basin/pair-path.node.ts";
import type { GridRow, ModelFacts, StudyBasin } from "../basin/results.ts";
import type { PlannedCell } from "../basin/sweep.node.ts";
import { evenly } from "../basin/heights.ts";

import type { Store } from "../store/store.node.ts";
import { basinPairs, type Member, shareRuns } from "./basin-pairs.ts";
import type { StudyConfig } from "./config.ts";

/** Points on each path, both ends included. */
const pathPoints = 11;

/** Error barrier below which a pair counts as connected (Frankle et al. 2020). */
const threshold = 0.02;

/** What the paths need to know of the study's data and network. */
export interface BasinFacts {
  /** Images of the downstream task's splits. */
  readonly counts: { readonly train: number; readonly test: number };
  /** Has the network batch norm? */
  readonly batchNorm: boolean;
  /** Of the network, for one image. */
  readonly multiplyAdds: number;
}

/** A reported run: the cell that holds it, and what is known of it once it is done. */
export type RunOf = (member: Member) => PlannedCell;

/** The cells that look at the paths between reported runs on intact images; none when the study has no pair. */
export function basinCells(config: StudyConfig, facts: BasinFacts, runOf: RunOf): PlannedCell[] {
  return basinPairs(config).flatMap(({ pairs }) =>
    pairs.flatMap(([a, b]) => pairCells(runOf(a), runOf(b), requestFor(config, facts, a))),
  );
}

/**
 * Puts the finished paths together.
 * @param accuracyOf share of all test images that a run classifies correctly
 * @returns undefined when the study has no pair
 */
export async function readBasin(
  config: StudyConfig,
  facts: BasinFacts,
  store: Store,
  runOf: RunOf,
  runs: { readonly parameters: number; readonly accuracyOf: (member: Member) => number },
): Promise<StudyBasin | undefined> {
  const kinds = basinPairs(config);
  if (kinds.length === 0) return undefined;
  const rows: GridRow[] = [];
  const models = new Map<string, ModelFacts>();
  for (const { label, sameStart, pairs } of kinds) {
    const measured: { names: readonly [string, string]; measured: MeasuredPair }[] = [];
    for (const [a, b] of pairs) {
      const request = requestFor(config, facts, a);
      measured.push({
        names: [nameOf(a), nameOf(b)],
        measured: await readPair(store, runOf(a), runOf(b), request),
      });
      for (const member of [a, b]) {
        models.set(nameOf(member), {
          name: nameOf(member),
          cell: runOf(member).address,
          parameters: runs.parameters,
          accuracy: { test: runs.accuracyOf(member) },
        });
      }
    }
    rows.push(gridRow({ label, sameStart, sameHead: false, sameOrder: false, rateFactor: 1 }, measured));
  }
  return {
    models: [...models.values()],
    data: { set: config.downstream.data.set, train: facts.counts.train, test: facts.counts.test },
    threshold,
    rows,
    words: [...gridWords(rows, threshold, "test error"), ...sharedWords(config), ...drawnWords(config)],
  };
}

/** With few seeds, pairs have runs in common. */
function sharedWords(config: StudyConfig): string[] {
  return shareRuns(basinPairs(config))
    ? [
        "With fewer than six seeds some pairs have a run in common, and intervals over pairs are narrower than over independent ones.",
      ]
    : [];
}

/** Seeds draw images, too: a pair's networks were not trained on the same ones, and are looked at with the first one's. */
function drawnWords({ downstream: { data } }: StudyConfig): string[] {
  if (data.trainSize === undefined && data.testSize === undefined) return [];
  return [
    "Every seed draws images of its own; both networks of a pair are looked at with the images of the first, scaled by their mean and spread.",
  ];
}

function nameOf({ arm, seed }: Member): string {
  return `${arm === "pretrained" ? "P-T" : "RI-T"} seed ${seed}`;
}

/** All images of the first network of the pair. */
function requestFor(
  config: StudyConfig,
  { counts, batchNorm, multiplyAdds }: BasinFacts,
  first: Member,
): PairRequest {
  const data = { ...config.downstream.data, subsetSeed: first.seed };
  return {
    data,
    at: evenly(pathPoints),
    images: { train: counts.train, test: counts.test },
    statistics: batchNorm ? "re-estimated" : "none",
    trainImages: counts.train,
    multiplyAdds,
  };
}
