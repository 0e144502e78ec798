import type { DataSpec } from "../data/types.ts";
import type { Recipe } from "../train/recipe.ts";
import type { Shuffle, StudyConfig } from "./config.ts";

export type Arm = "pretrained" | "scratch";

/** A training cell before its address is known: parameters, and whether it starts from the pretrained network. */
export interface PlannedRun {
  readonly role: "pretraining" | "tuning" | "run";
  readonly arm: Arm;
  readonly shuffle: Shuffle;
  readonly seed: number;
  readonly learningRate: number;
  /** Parameters of a cell of kind "train" (see cells/kinds/train.node.ts). */
  readonly params: Record<string, unknown>;
  readonly startsFromPretrained: boolean;
}

/**
 * Seed of the runs that only choose a learning rate. Far from the reported seeds, so that no reported run was ever
 * looked at while choosing.
 */
const tuningSeed = 1_000_003;

/** The pretraining run P: once per study. */
export function pretrainingRun(config: StudyConfig): PlannedRun {
  const { data, recipe, seed } = config.upstream;
  return {
    role: "pretraining",
    arm: "pretrained",
    shuffle: "none",
    seed,
    learningRate: recipe.learningRate,
    startsFromPretrained: false,
    params: {
      model: config.model,
      data,
      recipe,
      seeds: { init: seed, head: seed, order: seed, augmentation: seed },
      head: "new",
      evaluate: { split: "test", count: 8, images: 2000 },
      keep: [],
    },
  };
}

/** The runs that choose each arm's learning rate on validation images; one seed, both arms, the same grid. */
export function tuningRuns(config: StudyConfig): PlannedRun[] {
  const shuffles = config.tuneEach
    ? config.shuffles
    : [config.shuffles.includes("none") ? "none" : config.shuffles[0]!];
  return shuffles.flatMap((shuffle) =>
    (["pretrained", "scratch"] as const).flatMap((arm) =>
      config.learningRates.map((learningRate) =>
        downstreamRun(config, "tuning", arm, shuffle, tuningSeed, learningRate),
      ),
    ),
  );
}

/** The reported runs: both arms, every shuffle, every seed, at the chosen learning rates. */
export function reportedRuns(
  config: StudyConfig,
  rateOf: (arm: Arm, shuffle: Shuffle) => number,
): PlannedRun[] {
  return config.shuffles.flatMap((shuffle) =>
    config.seeds.flatMap((seed) =>
      (["pretrained", "scratch"] as const).map((arm) =>
        downstreamRun(config, "run", arm, shuffle, seed, rateOf(arm, shuffle)),
      ),
    ),
  );
}

function downstreamRun(
  config: StudyConfig,
  role: "tuning" | "run",
  arm: Arm,
  shuffle: Shuffle,
  seed: number,
  learningRate: number,
): PlannedRun {
  const recipe: Recipe = { ...config.downstream.recipe, learningRate };
  const data: DataSpec = {
    ...config.downstream.data,
    subsetSeed: seed,
    ...(role === "tuning" ? { validation: config.validation } : {}),
    ...(shuffle === "none" ? {} : { shuffle: { block: shuffle, seed } }),
  };
  const evaluate =
    role === "tuning"
      ? { split: "validation", count: 1 }
      : {
          split: "test",
          count: config.evaluations,
          ...(config.curveImages === undefined ? {} : { images: config.curveImages }),
        };
  return {
    role,
    arm,
    shuffle,
    seed,
    learningRate,
    startsFromPretrained: arm === "pretrained",
    params: {
      model: config.model,
      data,
      recipe,
      seeds: { init: seed, head: seed, order: seed, augmentation: seed },
      head: "new",
      evaluate,
      keep: [],
      // A rate that is too high for an arm is an answer, not a failure, while rates are being tried.
      ...(role === "tuning" ? { divergence: "record" } : {}),
    },
  };
}
