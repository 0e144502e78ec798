import { ScopeError } from "../base/error.ts";
import type { Json } from "../base/canonical.ts";
import type { StudyBasin } from "../basin/results.ts";
import type { StudyCriticality } from "../criticality/results.ts";
import type { TrainLook, TrainResult } from "../cells/train-facts.ts";
import type { StudyConfig } from "./config.ts";
import type { Arm, PlannedRun } from "./plan.ts";
import type { Shuffle } from "./config.ts";
import type { Run, StudyResults, TuningResult } from "./results.ts";
import { summarise } from "./summary.ts";

/** A finished training cell, read from the store. */
export interface FinishedRun {
  readonly planned: PlannedRun;
  readonly cell: string;
  readonly result: TrainResult;
  readonly looks: readonly TrainLook[];
}

/**
 * The learning rate of each arm at each shuffle: the one with the best validation accuracy; of equals, the smaller.
 * With `tuneEach` off, what was found once serves every shuffle. A rate that made the loss diverge counts as accuracy 0.
 * @throws {ScopeError} diverged, when no rate of an arm went well
 */
export function chooseRates(
  config: StudyConfig,
  tuning: readonly FinishedRun[],
): (arm: Arm, shuffle: Shuffle) => number {
  return (arm, shuffle) => {
    const candidates = tuning.filter(
      (run) => run.planned.arm === arm && (run.planned.shuffle === shuffle || !config.tuneEach),
    );
    const best = candidates.toSorted(
      (a, b) => b.result.accuracy - a.result.accuracy || a.planned.learningRate - b.planned.learningRate,
    )[0];
    if (best === undefined)
      throw new ScopeError("bug", `internal: no tuning run for ${arm}, shuffle ${shuffle}`);
    if (best.result.divergedAfter !== undefined) {
      throw new ScopeError(
        "diverged",
        `every learning rate tried for ${arm} at shuffle ${shuffle} makes the loss diverge`,
        {
          hint: "add smaller ones to learningRates",
        },
      );
    }
    return best.planned.learningRate;
  };
}

/** Facts of the study that are not in its runs. */
export interface StudyFacts {
  readonly config: StudyConfig;
  readonly description: string;
  readonly image: StudyResults["image"];
}

/** Puts finished runs together: the results, the same bytes whatever happened on the way. */
export function collectResults(
  facts: StudyFacts,
  pretraining: FinishedRun,
  tuning: readonly FinishedRun[],
  reported: readonly FinishedRun[],
  basin?: StudyBasin,
  criticality?: StudyCriticality,
): StudyResults {
  const { config } = facts;
  const rateOf = chooseRates(config, tuning);
  const runs = reported.map(toRun);
  const some = reported[0]!.result;
  return {
    schema: 1,
    study: { name: config.name, ...(config.question === undefined ? {} : { question: config.question }) },
    config: JSON.parse(JSON.stringify(config)) as Json,
    model: { description: facts.description, parameters: some.parameters },
    upstream: {
      set: config.upstream.data.set,
      classes: pretraining.result.classes,
      trainSize: pretraining.result.trainImages,
      testSize: pretraining.result.images,
      fingerprint: pretraining.result.data,
      accuracy: pretraining.result.accuracy,
      seed: config.upstream.seed,
      cell: pretraining.cell,
    },
    downstream: {
      set: config.downstream.data.set,
      classes: some.classes,
      trainSize: some.trainImages,
      testSize: some.images,
      fingerprint: some.data,
    },
    image: facts.image,
    seeds: config.seeds,
    arms: ["pretrained", "scratch"],
    shuffles: config.shuffles,
    runs,
    learningRates: tuning.map(({ planned, result }): TuningResult => ({
      arm: planned.arm,
      shuffle: planned.shuffle,
      learningRate: planned.learningRate,
      accuracy: result.accuracy,
      chosen: rateOf(planned.arm, planned.shuffle) === planned.learningRate,
    })),
    summary: summarise({ runs, shuffles: config.shuffles, seeds: config.seeds }),
    ...(basin === undefined ? {} : { basin }),
    ...(criticality === undefined ? {} : { criticality }),
  };
}

function toRun({ planned, cell, result, looks }: FinishedRun): Run {
  return {
    arm: planned.arm,
    shuffle: planned.shuffle,
    seed: planned.seed,
    learningRate: planned.learningRate,
    steps: looks.map((look) => look.step),
    trainLoss: looks.map((look) => look.trainLoss ?? null),
    testLoss: looks.map((look) => look.loss),
    testAccuracy: looks.map((look) => look.accuracy),
    finalAccuracy: result.accuracy,
    finalLoss: result.loss,
    cell,
  };
}
