import type { Shuffle } from "./config.ts";
import {
  decimal,
  enumerate,
  isShown,
  orderShuffles,
  percent,
  percentRange,
  points,
  seedCount,
  shuffleClause,
  grouped,
  times,
  timesRange,
} from "./format.ts";
import type { Arm } from "./plan.ts";
import type { ArmSummary, Estimate, Milestone, ShuffleSummary, StudyResults } from "./results.ts";

/**
 * The answer in five lines, computed from the summary: accuracy, speed, the share of the gain that survives shuffling, the
 * share of the head start that survives, and what follows; then, where the study looked, whether the runs lie in one basin
 * and which module matters most. A difference is called one only when its 95 % interval leaves out zero (a speed-up: one).
 */
export function answer(results: StudyResults): string[] {
  const order = orderShuffles(results.shuffles);
  // Without intact images the mildest shuffle is the ground on which the arms are compared.
  const ground = order[0]!;
  const told = toldShuffles(order.slice(1));
  return [
    accuracyLine(results, ground),
    speedLine(results, ground),
    gainLine(results, ground, told),
    headStartLine(results, ground, told),
    conclusion(results, ground, told),
    // What paths between runs and modules of runs say comes last: it is about other questions.
    ...(results.basin?.words.slice(0, 1) ?? []),
    ...(results.criticality?.words.slice(0, 1) ?? []),
  ];
}

/** The shuffles the words are about: 4×4 blocks, or the middle of the list, and the harshest. */
function toldShuffles(shuffled: readonly Shuffle[]): Shuffle[] {
  if (shuffled.length < 2) return [...shuffled];
  const blocks = shuffled.slice(0, -1);
  return [blocks.includes(4) ? 4 : blocks[Math.floor(blocks.length / 2)]!, shuffled.at(-1)!];
}

function accuracyLine(results: StudyResults, ground: Shuffle): string {
  const { gain } = at(results, ground);
  const where =
    ground === "none" ? "" : ` (with ${shuffleClause(ground)}: intact images were not part of this study)`;
  const scratch = percent(arm(results, "scratch", ground).accuracy);
  const pretrained = percent(arm(results, "pretrained", ground).accuracy);
  if (gain.low === null) {
    return `Accuracy${where} is ${scratch} from scratch and ${pretrained} pretrained (${points(gain)}); with one seed there is no interval, so nothing is shown.`;
  }
  const how = `${points(gain)}; 95 % intervals over ${seedCount(results.seeds.length)}`;
  if (!isShown(gain)) {
    return `No difference in final accuracy could be shown${where}: ${scratch} from scratch, ${pretrained} pretrained (${how}).`;
  }
  return `Pretraining ${gain.value > 0 ? "lifts" : "lowers"} accuracy${where} from ${scratch} to ${pretrained} (${how}).`;
}

function speedLine(results: StudyResults, ground: Shuffle): string {
  const { milestones } = at(results, ground);
  const full = milestones.at(-1)!;
  if (full.pretrained !== null) return speedSentence("The pretrained network", full);
  const total = grouped(results.runs[0]!.steps.at(-1)!);
  const missed = `The pretrained network does not reach the scratch network's best accuracy (${level(full)}) in ${total} steps`;
  const lower = milestones.findLast((one) => one.pretrained !== null);
  return lower === undefined ? `${missed}, nor any lower mark.` : `${missed}. ${speedSentence("It", lower)}`;
}

function level({ threshold }: Milestone): string {
  return `${decimal(100 * threshold, 0)} %`;
}

/** When both arms reach a milestone that the pretrained arm does reach (the scratch arm reaches its own best by definition). */
function speedSentence(subject: string, milestone: Milestone): string {
  const { fraction, pretrained, scratch, speedUp } = milestone;
  const share = fraction === 1 ? "" : `${decimal(100 * fraction, 0)} % of `;
  const mark = `${share}the scratch network's best accuracy (${share === "" ? "" : "that is "}${level(milestone)})`;
  const after = `after ${grouped(pretrained!)} steps instead of ${grouped(scratch!)}`;
  if (speedUp === null)
    return `${subject} reaches ${mark} ${after}; one of them is there from the start, so no ratio can be given.`;
  const faster = speedUp.value >= 1;
  const ratio = { value: speedUp.value, low: speedUp.low, high: speedUp.high };
  const stated = faster ? ratio : inverse(ratio);
  if (speedUp.low === null) {
    return `${subject} reaches ${mark} ${times(stated.value)} ${faster ? "sooner" : "later"}, ${after}; no interval can be given, so nothing is shown.`;
  }
  if (!isShown(speedUp, 1)) {
    return `No difference in speed could be shown: ${mark} is reached after ${grouped(pretrained!)} steps pretrained and ${grouped(scratch!)} from scratch (${timesRange(stated)} ${faster ? "sooner" : "later"}).`;
  }
  return `${subject} reaches ${mark} ${timesRange(stated)} ${faster ? "sooner" : "later"}, ${after}.`;
}

function inverse({ value, low, high }: Estimate): Estimate {
  return { value: 1 / value, low: high === null ? null : 1 / high, high: low === null ? null : 1 / low };
}

function gainLine(results: StudyResults, ground: Shuffle, told: readonly Shuffle[]): string {
  const reason = noShares(ground, told);
  if (reason !== undefined) return reason;
  const { gain } = at(results, "none");
  if (!isShown(gain)) {
    const levels = told.map(
      (shuffle) =>
        `with ${shuffleClause(shuffle)} accuracy is ${percent(arm(results, "scratch", shuffle).accuracy)} from scratch and ${percent(arm(results, "pretrained", shuffle).accuracy)} pretrained`,
    );
    return `There is no shown gain of which a share could survive; ${enumerate(levels)}.`;
  }
  const noun = gain.value > 0 ? "gain" : "loss";
  return `Of this ${noun} ${remains(results, told, (one) => one.gainShare)}.`;
}

function headStartLine(results: StudyResults, ground: Shuffle, told: readonly Shuffle[]): string {
  if (noShares(ground, told) !== undefined) {
    return `Mean accuracy over training differs by ${points(at(results, ground).areaGain)} (pretrained − scratch).`;
  }
  const { areaGain } = at(results, "none");
  if (!isShown(areaGain)) {
    return `Mean accuracy over training differs by ${points(areaGain)}: no head start could be shown of which a share could survive.`;
  }
  const noun = areaGain.value > 0 ? "head start" : "lag";
  return `Of the ${noun} (mean accuracy over training, ${points(areaGain)}) ${remains(results, told, (one) => one.areaShare)}.`;
}

/** "38 % (29 to 47 %) remains with 4×4 blocks shuffled and none can be shown to remain with …". */
function remains(
  results: StudyResults,
  told: readonly Shuffle[],
  shareOf: (one: ShuffleSummary) => Estimate | null,
): string {
  return enumerate(
    told.map((shuffle) => {
      const share = shareOf(at(results, shuffle))!;
      const clause = `with ${shuffleClause(shuffle)}`;
      return isShown(share)
        ? `${percentRange(share)} remains ${clause}`
        : `none can be shown to remain ${clause}: ${percentRange(share)}`;
    }),
  );
}

/** Why no share can be spoken of, if it cannot. */
function noShares(ground: Shuffle, told: readonly Shuffle[]): string | undefined {
  if (told.length === 0)
    return "No second kind of image was part of this study, so nothing is said about what survives shuffling.";
  if (ground !== "none")
    return "Intact images were not part of this study, so no share of their gain can be given.";
  return undefined;
}

function conclusion(results: StudyResults, ground: Shuffle, told: readonly Shuffle[]): string {
  const { gain, areaGain } = at(results, ground);
  if (results.seeds.length < 2)
    return "So far this is one run of each arm: add seeds before believing any of it.";
  if (!isGain(gain) || !isGain(areaGain)) return whatHelps(gain, areaGain);
  const harshest = told.at(-1);
  const surplus = harshest === undefined ? null : at(results, harshest).surplus;
  if (harshest === undefined || surplus === null || surplus.low === null || surplus.high === null)
    return whatHelps(gain, areaGain);
  const difference = `${decimal(100 * surplus.value, 0, true)} points of share, ${decimal(100 * surplus.low, 0)} to ${decimal(100 * surplus.high, 0)}`;
  const clause = `with ${shuffleClause(harshest)}`;
  if (!isShown(surplus)) {
    return `So whether the head start survives shuffling better than the final gain could not be shown (${clause}: ${difference}).`;
  }
  return surplus.value > 0
    ? `So the head start survives shuffling better than the final gain (${clause}: ${difference}), as in the paper, which credits such speed to low-level statistics.`
    : `So the final gain survives shuffling better than the head start (${clause}: ${difference}), unlike in the paper.`;
}

function isGain(estimate: Estimate): boolean {
  return isShown(estimate) && estimate.value > 0;
}

/** What pretraining was shown to do where it did not (measurably) change both accuracy and head start. */
function whatHelps(gain: Estimate, areaGain: Estimate): string {
  const effect = (estimate: Estimate) => (isShown(estimate) ? Math.sign(estimate.value) : 0);
  const [final, along] = [effect(gain), effect(areaGain)];
  if (final === 0 && along === 0)
    return "So in this study pretraining was shown neither to lift accuracy nor to lower it, at the end or on average along training.";
  if (final === along)
    return `So in this study pretraining ${final > 0 ? "helps" : "hurts"}, along training and at its end.`;
  if (final === 0)
    return `So in this study pretraining ${along > 0 ? "helps" : "hurts"} along training; at its end no difference could be shown.`;
  if (along === 0)
    return `So in this study pretraining ${final > 0 ? "helps" : "hurts"} at the end of training; along it no difference could be shown.`;
  return `So in this study pretraining ${along > 0 ? "helps" : "hurts"} along training and ${final > 0 ? "helps" : "hurts"} at its end.`;
}

function at(results: StudyResults, shuffle: Shuffle): ShuffleSummary {
  return results.summary.shuffles.find((one) => one.shuffle === shuffle)!;
}

function arm(results: StudyResults, name: Arm, shuffle: Shuffle): ArmSummary {
  return results.summary.arms.find((one) => one.arm === name && one.shuffle === shuffle)!;
}
