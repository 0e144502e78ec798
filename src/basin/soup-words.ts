import { decimal, grouped } from "../figure/numbers.ts";
import { pairedDifference } from "../soup/difference.ts";
import type { Outcomes } from "../soup/outcomes.ts";
import type { Quality } from "../soup/quality.ts";
import { mean, meanInterval } from "../tensor/stats.ts";
import type { Interval } from "./results.ts";

/** A row of the comparison, with what happened on every test image. */
export interface SoupRow {
  readonly name: string;
  readonly members: number;
  readonly heldOut: number;
  readonly quality: Quality;
  readonly outcomes: Outcomes;
}

/** What the words are made from. */
export interface SoupFacts {
  /** Name of the row that was asked for. */
  readonly chosen: string;
  /** "best single" first. */
  readonly rows: readonly SoupRow[];
  /** Name of the best single network, by held-out images. */
  readonly best: string;
  /** Networks, or moments of one run, that there were to average. */
  readonly count: number;
  /** Whether the networks were trained on the held-out images. */
  readonly seen: "no" | "yes" | "unknown";
  readonly statistics: "re-estimated" | "averaged" | "none";
  readonly growth: readonly { readonly accepted: boolean }[];
  /** Every network by itself, on the same test images. */
  readonly singles: readonly Outcomes[];
}

/**
 * The answer in sentences: the average against the best single network and the ensemble, what it says about basins when
 * averaging hurts, and what the held-out images are worth. A difference is called one only when its interval (bootstrapped
 * over test images, paired) leaves out zero.
 */
export function soupWords(facts: SoupFacts): string[] {
  const { rows, chosen: name, seen, statistics } = facts;
  const [chosen, best] = [rows.find((row) => row.name === name)!, rows[0]!];
  const uniform = rows.find((row) => row.name === "uniform");
  const ensemble = rows.find((row) => row.name === "logit ensemble");
  return [
    againstBest(facts, chosen, best),
    ...(ensemble === undefined ? [] : [againstEnsemble(chosen, ensemble)]),
    ...(uniform === undefined ? [] : apart(uniform, facts.singles)),
    ...(seen === "yes"
      ? [
          "The networks were trained on the images that decided here: held-out scores flatter them. Train with validation: in the data section to hold images out.",
        ]
      : seen === "unknown"
        ? ["Whether the networks were trained on the images that decided here is not known."]
        : []),
    ...(statistics === "averaged"
      ? [
          "The statistics of batch norm were averaged like weights: leave out --renormalize never to estimate them anew.",
        ]
      : []),
  ];
}

function againstBest({ count, best: bestName, growth }: SoupFacts, chosen: SoupRow, best: SoupRow): string {
  const { accuracy } = pairedDifference(chosen.outcomes, best.outcomes, { seed: 0 });
  const overTraining = chosen.name === "swa" || chosen.name === "ema";
  const which = overTraining
    ? "the end of the run"
    : `the best single network (${bestName}, by held-out images)`;
  const single = `${which} ${percent(best.quality.accuracy)}`;
  const of = describe(chosen, count);
  if (chosen.members === 1 && growth.length > 0 && chosen.name === "greedy") {
    return `The greedy soup of ${count} networks is the best single network alone (${bestName}): with every other one the held-out accuracy would fall. It classifies ${percent(best.quality.accuracy)} of the test images correctly.`;
  }
  const base = `${of} classifies ${percent(chosen.quality.accuracy)} of the test images correctly, ${single}`;
  return isShown(accuracy)
    ? `${base}: ${accuracy.value > 0 ? "better" : "worse"} by ${points(accuracy)}.`
    : `${base}: no difference could be shown (${signedPoints(accuracy)}).`;
}

function describe({ name, members }: SoupRow, count: number): string {
  switch (name) {
    case "uniform":
      return `The average of all ${count} networks`;
    case "greedy":
      return `The greedy soup of ${members} of ${count} networks`;
    case "learned":
    case "learned per module":
      return `The ${name === "learned" ? "learned soup" : "soup learned module by module"} of ${count} networks`;
    case "swa":
    case "ema":
      return `The ${name === "swa" ? "average" : "exponential average"} over ${grouped(count)} moments of training`;
    default:
      return `The mixture (${name})`;
  }
}

function againstEnsemble(chosen: SoupRow, ensemble: SoupRow): string {
  const { accuracy, ece } = pairedDifference(chosen.outcomes, ensemble.outcomes, { seed: 0 });
  const passes = `at ${ensemble.quality.passes} passes a prediction instead of 1`;
  const level = `The ensemble of all ${ensemble.members} networks' logits reaches ${percent(ensemble.quality.accuracy)} ${passes}`;
  const difference = isShown(accuracy)
    ? `: ${accuracy.value > 0 ? "less" : "more"} than the average by ${points(accuracy)}`
    : `; no difference from the average could be shown (${signedPoints(accuracy)})`;
  const [own, other] = [chosen.quality.ece, ensemble.quality.ece].map((x) => decimal(100 * x, 1));
  const calibration = isShown(ece)
    ? ` The average is ${ece.value > 0 ? "worse" : "better"} calibrated: its error of calibration is ${own} points, the ensemble's ${other}.`
    : ` No difference in calibration could be shown (error ${own} and ${other} points).`;
  return `${level}${difference}.${calibration}`;
}

/**
 * What it means when the average of all is worse than its members are on the mean. In a basin it is not (the centre of a
 * hull without a barrier); that it is worse than the *best* member says nothing about basins.
 */
function apart(uniform: SoupRow, singles: readonly Outcomes[]): string[] {
  const lost = Array.from(uniform.outcomes.correct, (right, image) => {
    const single = singles.reduce((sum, one) => sum + one.correct[image]!, 0) / singles.length;
    return single - right;
  });
  const interval = meanInterval(lost, 0.95);
  // Frankle's two points of error.
  if (interval === null || interval.low < 0.02) return [];
  return [
    `The average of all of them classifies ${points({ value: mean(lost), ...interval })} less correctly than its members do on the mean: they do not all lie in one basin. See which: transferscope barrier.`,
  ];
}

function isShown({ low, high }: Interval): boolean {
  return low !== null && high !== null && (low > 0 || high < 0);
}

function percent({ value, low, high }: Interval): string {
  const main = `${decimal(100 * value, 1)} %`;
  return low === null || high === null
    ? main
    : `${main} (${decimal(100 * low, 1)} to ${decimal(100 * high, 1)} %)`;
}

/** The size of a difference whose sign is said in words. */
function points({ value, low, high }: Interval): string {
  const [near, far] = [Math.min(Math.abs(low!), Math.abs(high!)), Math.max(Math.abs(low!), Math.abs(high!))];
  return `${decimal(100 * Math.abs(value), 1)} points (${decimal(100 * near, 1)} to ${decimal(100 * far, 1)})`;
}

function signedPoints({ value, low, high }: Interval): string {
  const text = (x: number): string => decimal(100 * x, 1, true);
  return low === null || high === null
    ? `${text(value)} points`
    : `${text(value)} points, ${text(low)} to ${text(high)}`;
}
