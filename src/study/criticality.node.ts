import type { PlannedCell } from "../basin/sweep.node.ts";
import { beginningsOf } from "../criticality/beginnings.node.ts";
import { chooseModules } from "../criticality/chosen-modules.ts";
import { epsilonText, usualEpsilons } from "../criticality/epsilons.ts";
import {
  type MapRequest,
  measureNetwork,
  type PlannedNetwork,
  planNetwork,
} from "../criticality/network-plan.node.ts";
import type { StudyCriticality } from "../criticality/results.ts";
import type { Setting } from "../criticality/setting.node.ts";
import { criticalityWords } from "../criticality/words.ts";
import { multiplyAddsOf } from "../models/describe.ts";
import { buildModel } from "../models/model.ts";
import type { ModelIo } from "../models/types.ts";
import { alphaGrid, ratioGrid } from "../sensitivity/grid.ts";
import type { Store } from "../store/store.node.ts";
import type { RunOf } from "./basins.node.ts";
import type { StudyConfig } from "./config.ts";
import { criticalityHeadline } from "./criticality-words.ts";
import type { Arm } from "./plan.ts";

const granularity = "block";

/** A coarse map: enough for a chapter, in a few seconds a network. */
const maps: Omit<MapRequest, "seed"> = {
  epsilons: usualEpsilons,
  alphas: alphaGrid(7),
  ratios: ratioGrid({ from: 0.02, to: 4, count: 7 }),
  draws: 16,
  refine: 1,
  noise: "isotropic",
  budget: {},
};

const arms = ["pretrained", "scratch"] as const satisfies readonly Arm[];

/** What the maps need to know of the study's data. */
export interface CriticalityFacts {
  readonly io: ModelIo;
  /** Training images of a downstream run. */
  readonly trainImages: number;
}

/** The chapter before anything of it is computed. */
export interface PlannedCriticality {
  readonly cells: readonly PlannedCell[];
  /** The chapter, from finished cells. */
  read(): Promise<StudyCriticality>;
}

/**
 * The cells that map the first seed's two runs on intact images, module by module, between the weights they began with and
 * those they ended with, on all their training images. The runs need not be finished.
 * @returns undefined when the study has no runs on intact images
 * @throws {ScopeError} as `buildModel` and `chooseModules`
 */
export async function planStudyCriticality(
  config: StudyConfig,
  { io, trainImages }: CriticalityFacts,
  store: Store,
  runOf: RunOf,
): Promise<PlannedCriticality | undefined> {
  if (!config.shuffles.includes("none")) return undefined;
  const seed = config.seeds[0]!;
  const { graph, parameters } = buildModel(config.model, io);
  const setting: Setting = {
    data: { ...config.downstream.data, subsetSeed: seed },
    images: { train: trainImages, test: 0 },
    trainImages,
    classes: io.classes,
    statistics: parameters.some(({ role }) => role === "statistic") ? "of the images" : "kept",
    multiplyAdds: multiplyAddsOf(graph),
    graph,
  };
  const finals = arms.map((arm) => ({
    name: `${arm === "pretrained" ? "P-T" : "RI-T"} seed ${seed}`,
    cell: runOf({ arm, seed }),
  }));
  const beginnings = await beginningsOf(finals, [], store, seed);
  const { modules, notes } = chooseModules(graph, granularity);
  const share = { looks: undefined, memoryBytes: undefined };
  const networks = finals.map((final, i) =>
    planNetwork(final, beginnings[i]!, modules, setting, { ...maps, seed }, share),
  );
  return {
    cells: networks.flatMap(({ cells }) => cells),
    read: () => readChapter(networks, setting, notes, store),
  };
}

async function readChapter(
  planned: readonly PlannedNetwork[],
  { data, images, classes }: Setting,
  notes: readonly string[],
  store: Store,
): Promise<StudyCriticality> {
  const measured = await Promise.all(planned.map((one) => measureNetwork(one, { store })));
  // What the cells took is in the study's cost: its results are the same on every machine.
  const networks = measured.map(({ result }) => result);
  const facts = {
    networks,
    groups: [],
    granularity,
    epsilons: maps.epsilons.map(epsilonText),
    data: { set: data.set, ...images, classes },
  };
  return {
    ...facts,
    words: [
      criticalityHeadline(facts),
      ...criticalityWords({ schema: 1, kind: "criticality", ...facts }),
      ...new Set([...notes, ...measured.flatMap((one) => one.notes)]),
    ],
  };
}
