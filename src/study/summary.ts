import { ScopeError } from "../base/error.ts";
import { type Interval, jackknife, mean, meanInterval, ratioInterval } from "../tensor/stats.ts";
import type { Arm } from "./plan.ts";
import type {
  ArmSummary,
  Estimate,
  Milestone,
  Run,
  ShuffleSummary,
  StudyResults,
  Summary,
} from "./results.ts";

const confidence = 0.95;

/** Shares of the scratch arm's best that are timed. */
const fractions = [0.5, 0.75, 0.9, 1] as const;

/**
 * The milestone whose speed-up is followed through the shuffles. Not 1: the very top of a noisy curve is a matter of luck,
 * and at a shuffle where pretraining does not help it is often never reached.
 */
const speedFraction = 0.9;

/** One seed's two runs at one shuffle. */
interface Pair {
  readonly pretrained: Run;
  readonly scratch: Run;
}

/** A statistic of the seeds `kept` (indices into the pairs of every shuffle). */
type Statistic = (kept: readonly number[]) => number | null;

/**
 * Summarises the runs of a study. All intervals are 95 %, over seeds, paired by seed, Student's t with n − 1 degrees of
 * freedom: means directly, speed-ups on a log scale by the jackknife, ratios (relative gain, shares) by Fieller's theorem.
 * A share of the intact gain is given only where the intact gain's own interval excludes zero: there Fieller's interval is
 * bounded, and elsewhere there is nothing to take a share of.
 * @throws {ScopeError} bug, when a run is missing or the runs were not looked at after the same steps
 */
export function summarise(study: Pick<StudyResults, "runs" | "shuffles" | "seeds">): Summary {
  const pairs = new Map(
    study.shuffles.map((shuffle) => [shuffle, study.seeds.map((seed) => pairOf(study.runs, shuffle, seed))]),
  );
  const count = study.seeds.length;
  const arms: ArmSummary[] = [];
  const shuffles: ShuffleSummary[] = [];
  const intact = pairs.get("none");
  for (const [shuffle, here] of pairs) {
    for (const arm of ["pretrained", "scratch"] as const) {
      arms.push({
        arm,
        shuffle,
        accuracy: estimateMean(here.map((pair) => pair[arm].finalAccuracy)),
        area: estimateMean(here.map((pair) => areaUnder(pair[arm]))),
        best: Math.max(...meanCurve(here, arm, indices(count))),
      });
    }
    shuffles.push({
      shuffle,
      gain: estimateMean(here.map(gainOf)),
      relativeGain: estimateRatio(
        here.map(gainOf),
        here.map((pair) => pair.pretrained.finalAccuracy),
      ),
      areaGain: estimateMean(here.map(areaGainOf)),
      milestones: fractions.map((fraction) => milestone(here, fraction)),
      ...sharesOf(here, shuffle === "none" ? undefined : intact),
    });
  }
  return { confidence, speedFraction, arms, shuffles };
}

function sharesOf(
  here: readonly Pair[],
  intact: readonly Pair[] | undefined,
): Pick<ShuffleSummary, "gainShare" | "areaShare" | "speedShare" | "surplus"> {
  if (intact === undefined) return { gainShare: null, areaShare: null, speedShare: null, surplus: null };
  const gainShare = shareOf(here.map(gainOf), intact.map(gainOf));
  const areaShare = shareOf(here.map(areaGainOf), intact.map(areaGainOf));
  const fast = jackknife(here.length, logSpeedUp(here, speedFraction));
  const fastIntact = jackknife(intact.length, logSpeedUp(intact, speedFraction));
  const speedShare = fast?.parts && fastIntact?.parts ? shareOf(fast.parts, fastIntact.parts) : null;
  return {
    gainShare,
    areaShare,
    speedShare,
    surplus: gainShare && areaShare ? surplusOf(here, intact) : null,
  };
}

/** Difference of two ratios of means; the jackknife carries the seeds' joint variation through both. */
function surplusOf(here: readonly Pair[], intact: readonly Pair[]): Estimate | null {
  const difference: Statistic = (kept) => {
    const over = (measure: (pair: Pair) => number) =>
      mean(kept.map((i) => measure(here[i]!))) / mean(kept.map((i) => measure(intact[i]!)));
    const value = over(areaGainOf) - over(gainOf);
    return Number.isFinite(value) ? value : null;
  };
  return estimate(here.length, difference);
}

function gainOf(pair: Pair): number {
  return pair.pretrained.finalAccuracy - pair.scratch.finalAccuracy;
}

function areaGainOf(pair: Pair): number {
  return areaUnder(pair.pretrained) - areaUnder(pair.scratch);
}

/** Mean test accuracy over training: the area under the learning curve by trapezoids, divided by its length in steps. */
export function areaUnder(run: Pick<Run, "steps" | "testAccuracy">): number {
  const { steps, testAccuracy } = run;
  const first = steps[0]!;
  const last = steps.at(-1)!;
  if (steps.length < 2 || last === first) return testAccuracy[0]!;
  let area = 0;
  for (let i = 1; i < steps.length; i++)
    area += ((testAccuracy[i]! + testAccuracy[i - 1]!) / 2) * (steps[i]! - steps[i - 1]!);
  return area / (last - first);
}

/** First step at which the curve is at `threshold` or above, linearly between looks; null when it never is. */
export function stepsToReach(
  steps: readonly number[],
  curve: readonly number[],
  threshold: number,
): number | null {
  const i = curve.findIndex((accuracy) => accuracy >= threshold);
  if (i <= 0) return i < 0 ? null : steps[0]!;
  const [before, after] = [curve[i - 1]!, curve[i]!];
  return steps[i - 1]! + ((threshold - before) / (after - before)) * (steps[i]! - steps[i - 1]!);
}

/** Test accuracy at each look, mean over the seeds `kept`. */
function meanCurve(pairs: readonly Pair[], arm: Arm, kept: readonly number[]): number[] {
  return pairs[0]![arm].steps.map((_, look) => mean(kept.map((i) => pairs[i]![arm].testAccuracy[look]!)));
}

/** Where the mean curves of the seeds `kept` stand with respect to `fraction` of the scratch arm's best. */
function reached(
  pairs: readonly Pair[],
  fraction: number,
  kept: readonly number[],
): Omit<Milestone, "speedUp" | "fraction"> {
  const { steps } = pairs[0]!.scratch;
  const scratch = meanCurve(pairs, "scratch", kept);
  const threshold = fraction * Math.max(...scratch);
  return {
    threshold,
    pretrained: stepsToReach(steps, meanCurve(pairs, "pretrained", kept), threshold),
    scratch: stepsToReach(steps, scratch, threshold),
  };
}

function logSpeedUp(pairs: readonly Pair[], fraction: number): Statistic {
  return (kept) => {
    const { pretrained, scratch } = reached(pairs, fraction, kept);
    return pretrained && scratch ? Math.log(scratch / pretrained) : null;
  };
}

function milestone(pairs: readonly Pair[], fraction: number): Milestone {
  const log = estimate(pairs.length, logSpeedUp(pairs, fraction));
  const speedUp = log && {
    value: Math.exp(log.value),
    low: log.low === null ? null : Math.exp(log.low),
    high: log.high === null ? null : Math.exp(log.high),
  };
  return { fraction, ...reached(pairs, fraction, indices(pairs.length)), speedUp };
}

function estimate(count: number, statistic: Statistic): Estimate | null {
  const found = jackknife(count, statistic);
  return found && withInterval(found.value, found.parts && meanInterval(found.parts, confidence));
}

function estimateMean(values: readonly number[]): Estimate {
  return withInterval(mean(values), meanInterval(values, confidence));
}

function estimateRatio(x: readonly number[], y: readonly number[]): Estimate | null {
  const below = mean(y);
  return below === 0 ? null : withInterval(mean(x) / below, ratioInterval(x, y, confidence));
}

/** x / y where it is shown that y is not zero. */
function shareOf(x: readonly number[], y: readonly number[]): Estimate | null {
  const interval = ratioInterval(x, y, confidence);
  return interval && withInterval(mean(x) / mean(y), interval);
}

function withInterval(value: number, interval: Interval | null): Estimate {
  return { value, low: interval?.low ?? null, high: interval?.high ?? null };
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function pairOf(runs: readonly Run[], shuffle: Run["shuffle"], seed: number): Pair {
  const find = (arm: Arm): Run => {
    const run = runs.find((one) => one.arm === arm && one.shuffle === shuffle && one.seed === seed);
    if (run !== undefined) return run;
    throw new ScopeError(
      "bug",
      `internal: the results lack the run ${arm}, shuffle ${shuffle}, seed ${seed}`,
    );
  };
  const [pretrained, scratch] = [find("pretrained"), find("scratch")];
  const expected = runs[0]!.steps.join(" ");
  for (const run of [pretrained, scratch]) {
    if (run.steps.join(" ") === expected && run.testAccuracy.length === run.steps.length) continue;
    throw new ScopeError(
      "bug",
      `internal: the run ${run.arm}, shuffle ${shuffle}, seed ${seed} was looked at after other steps than the rest`,
    );
  }
  return { pretrained, scratch };
}
