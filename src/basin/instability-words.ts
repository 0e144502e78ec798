import { decimal, enumerate, grouped } from "../figure/numbers.ts";
import type { GridRow, InstabilityAt, InstabilityResults, Interval } from "./results.ts";

/** What the words need of the results. */
export type InstabilityFacts = Pick<InstabilityResults, "total" | "vary" | "threshold" | "spawn" | "grid">;

/**
 * The answer in sentences: from which moment on children end in one basin, what that means for their distance, and what
 * the grid shows. A difference is called one only when the 95 % intervals over pairs have nothing in common.
 */
export function instabilityWords(facts: InstabilityFacts): string[] {
  const { spawn, grid, threshold } = facts;
  return [
    ...(spawn.length === 0 ? [] : [...momentWords(facts), ...distanceWords(spawn)]),
    ...(grid.length === 0 ? [] : gridWords(grid, threshold)),
  ];
}

function momentWords(facts: InstabilityFacts): string[] {
  const { spawn, threshold, vary, total } = facts;
  const limit = `the threshold of ${points(threshold)} points of error`;
  const differ =
    vary.length === 0 ? "nothing (a control)" : enumerate(vary.map((word) => varied[word] ?? word));
  const of = `Children that differ in ${differ}`;
  if (spawn.length === 1) {
    const [only] = spawn;
    const state = only!.instability.value < threshold ? "under" : "over";
    return [
      `${of} and part at ${moment(only!.k, total)} have an instability of ${range(only!.instability)} points, ${state} ${limit}.`,
      ...shown([only!], threshold),
    ];
  }
  const first = spawn[0]!;
  const lastUnstable = spawn.findLastIndex((at) => at.instability.value >= threshold);
  if (lastUnstable < 0) {
    const seem = shown(spawn, threshold).length > 0 ? "appear" : "are";
    return [
      `${of} ${seem} stable from the first moment looked at on, ${moment(first.k, total)}: instability ${range(first.instability)} points, under ${limit}.`,
      ...shown(spawn, threshold),
    ];
  }
  const before = spawn[lastUnstable]!;
  const after = spawn[lastUnstable + 1];
  if (after === undefined) {
    const seem = shown([before], threshold).length > 0 ? "do not appear" : "are not";
    return [
      `${of} ${seem} stable at any later moment looked at: at ${moment(before.k, total)} instability is still ${range(before.instability)} points, over ${limit}. Add later moments to spawn.`,
    ];
  }
  const open = shown([before, after], threshold).length > 0;
  return [
    `Training ${open ? "appears to become" : "becomes"} stable between ${moment(before.k, total)} and ${moment(after.k, total)}: ${of.toLowerCase()} have an instability of ${range(before.instability)} points at the first and ${range(after.instability)} points at the second; ${limit} lies between.`,
    ...shown(spawn.slice(lastUnstable), threshold),
    ...(lastUnstable > 0 && first.instability.value > before.instability.value
      ? [`At ${moment(first.k, total)} it is ${range(first.instability)} points.`]
      : []),
  ];
}

const varied: Readonly<Record<string, string>> = {
  order: "the order of images",
  augmentation: "their augmentation",
  head: "the initial values of the last layer",
};

/** What of the classification the intervals over pairs do not show: a sentence, or none. */
function shown(moments: readonly InstabilityAt[], threshold: number): string[] {
  const open = moments.filter(({ instability: { low, high } }) =>
    low === null || high === null ? true : low < threshold && high >= threshold,
  );
  if (open.length === 0) return [];
  if (open.some(({ instability }) => instability.low === null))
    return ["With one parent run there is no interval, so this is not shown."];
  const at = enumerate(open.map(({ k }) => grouped(k)));
  return [
    `At k = ${at} the interval over pairs includes the threshold: on which side of it training is there could not be shown.`,
  ];
}

/** Connected is not close: what the distance between children does meanwhile. */
function distanceWords(spawn: readonly InstabilityAt[]): string[] {
  const apart = spawn.filter(({ distance }) => distance.value > 0);
  const [first, last] = [apart[0], apart.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const share = last.distance.value / first.distance.value;
  return [
    `The l2 distance between children is ${decimal(first.distance.value, 1)} at k = ${grouped(first.k)} and ${decimal(last.distance.value, 1)} at k = ${grouped(last.k)} (${decimal(100 * share, 0)} % of it): to be connected is not to be close.`,
  ];
}

/** Height of a row's chord barrier, of the training loss where it was looked at. */
export function rowChord(row: GridRow): { readonly split: string; readonly height: Interval } | undefined {
  const of = (split: string) => row.chord.find((one) => one.split === split && one.quantity === "loss");
  return of("train") ?? of("test");
}

/** "P-T / P-T, other head, other order, rate × 10". */
export function rowName({ label, sameHead, sameOrder, rateFactor }: GridRow): string {
  return [
    label,
    ...(label.startsWith("P-T / P-T") ? [sameHead ? "same head" : "other head"] : []),
    sameOrder ? "same order" : "other order",
    ...(rateFactor === 1 ? [] : [`rate × ${rateFactor}`]),
  ].join(", ");
}

/**
 * Which barrier the table is told by: that of the training loss, as in the lecture; or that of the test error, for networks
 * that learned from different images, whose training loss has no common meaning.
 */
export type ToldBy = "loss" | "test error";

/** A row's chord barrier in the measure it is told by. */
interface Told {
  readonly what: string;
  readonly height: Interval;
  readonly text: string;
}

/**
 * The lecture's table in words: fine-tuned pairs against pairs from scratch, and what a larger rate does.
 * @param threshold of the verdicts, share of error
 */
export function gridWords(grid: readonly GridRow[], threshold: number, by: ToldBy = "loss"): string[] {
  const tell = (row: GridRow): Told | undefined => toldBy(row, by);
  // A row with no pair left (its runs diverged) has nothing to say but that.
  const told = grid.filter((row) => row.pairs.length > 0 && tell(row) !== undefined);
  const tuned = mostVaried(
    told.filter(({ label, rateFactor }) => label.startsWith("P-T / P-T") && rateFactor === 1),
  );
  const scratch = mostVaried(told.filter(({ label }) => label === "RI-T / RI-T"));
  const mixed = mostVaried(told.filter(({ label }) => label === "P-T / RI-T"));
  const sameInit = told.find(({ label, sameOrder }) => label === "RI-T / RI-T, same init" && !sameOrder);
  const raised = told.filter(
    ({ rateFactor, sameHead, sameOrder }) => rateFactor !== 1 && !sameHead && !sameOrder,
  );
  return [
    ...(tuned && scratch ? [contrast(tuned, scratch, threshold, by)] : []),
    ...(mixed && scratch
      ? [`Between a fine-tuned network and one from scratch it is ${tell(mixed)!.text}.`]
      : []),
    ...(sameInit
      ? [
          `From scratch, but from the same initial weights, it is ${tell(sameInit)!.text} when only the order differs.`,
        ]
      : []),
    ...(tuned ? raised.map((row) => raisedWords(row, tuned, by)) : []),
  ];
}

/** The row in which most differs: the hardest case. */
function mostVaried(rows: readonly GridRow[]): GridRow | undefined {
  const same = ({ sameHead, sameOrder }: GridRow) => Number(sameHead) + Number(sameOrder);
  return rows.toSorted((a, b) => same(a) - same(b))[0];
}

function contrast(tuned: GridRow, scratch: GridRow, threshold: number, by: ToldBy): string {
  const [low, high] = [toldBy(tuned, by)!, toldBy(scratch, by)!];
  const counted = `${tuned.pairs.length} ${tuned.pairs.length === 1 ? "pair" : "pairs"} each`;
  const numbers = `the chord barrier of the ${low.what} is ${low.text} between fine-tuned networks (${differences(tuned)}) and ${high.text} between networks from scratch (${counted})`;
  if (low.height.high === null || high.height.low === null) {
    return `About the basins of fine-tuned networks and of networks from scratch nothing is shown by one pair each: ${numbers}.`;
  }
  if (low.height.high >= high.height.low) {
    return `No difference between the basins of fine-tuned networks and of networks from scratch could be shown: ${numbers}.`;
  }
  const settled =
    (errorOf(tuned)?.high ?? Infinity) < threshold && (errorOf(scratch)?.low ?? -Infinity) >= threshold;
  const verdict = settled
    ? "Fine-tuned networks lie in one basin, networks from scratch do not"
    : "Fine-tuned networks are separated by a lower barrier than networks from scratch";
  return `${verdict}: ${numbers}; the intervals have nothing in common.`;
}

function differences({ sameHead, sameOrder }: GridRow): string {
  const parts = [...(sameHead ? [] : ["head"]), ...(sameOrder ? [] : ["order"])];
  return parts.length === 0 ? "same head and order" : `other ${parts.join(" and ")}`;
}

function raisedWords(row: GridRow, tuned: GridRow, by: ToldBy): string {
  const [high, low] = [toldBy(row, by)!, toldBy(tuned, by)!];
  const [raised, plain] = [high.height, low.height];
  const apart = raised.low !== null && plain.high !== null && raised.low > plain.high;
  const than = apart
    ? "a barrier appears: the common basin is a property of small moves"
    : "no larger barrier could be shown";
  // Networks that learned nothing have no barrier either: how good they are belongs to the sentence.
  const quality = [row, tuned].map(endAccuracy);
  const good = quality.every((one) => one !== undefined)
    ? ` These networks classify ${decimal(100 * quality[0]!, 0)} % of the images correctly, those at the plain rate ${decimal(100 * quality[1]!, 0)} %.`
    : "";
  return `With ${row.rateFactor} times the fine-tuning rate it is ${high.text} instead of ${low.text}: ${than}.${good}`;
}

/** Mean test accuracy of a row's networks; undefined when test images were not looked at. */
function endAccuracy({ pairs }: GridRow): number | undefined {
  const ends = pairs.flatMap(({ path }) => {
    const found = path.curves.find(({ split }) => split === "test")?.accuracy;
    return found === undefined ? [] : [found[0]!.value, found.at(-1)!.value];
  });
  return ends.length === 0 ? undefined : ends.reduce((sum, one) => sum + one, 0) / ends.length;
}

/** Chord barrier of the test error, where there is one. */
function errorOf(row: GridRow): Interval | undefined {
  const of = (split: string) => row.chord.find((one) => one.split === split && one.quantity === "error");
  return (of("test") ?? of("train"))?.height;
}

function toldBy(row: GridRow, by: ToldBy): Told | undefined {
  if (by === "loss") {
    const found = rowChord(row);
    if (found === undefined) return undefined;
    const what = `${found.split === "train" ? "training" : "test"} loss`;
    return { what, height: found.height, text: inUnit(found.height, 1, 3, "nats") };
  }
  const found = row.chord.find((one) => one.split === "test" && one.quantity === "error");
  return found && { what: by, height: found.height, text: inUnit(found.height, 100, 1, "points") };
}

function inUnit({ value, low, high }: Interval, factor: number, digits: number, unit: string): string {
  const shown = (x: number): string => decimal(factor * x, digits);
  return low === null || high === null
    ? `${shown(value)} ${unit}`
    : `${shown(value)} ${unit} (${shown(low)} to ${shown(high)})`;
}

function moment(k: number, total: number): string {
  return `k = ${grouped(k)} (${decimal((100 * k) / total, k * 50 < total && k > 0 ? 1 : 0)} % of training)`;
}

function points(share: number): string {
  return decimal(100 * share, (100 * share) % 1 === 0 ? 0 : 1);
}

/** A share as points with its interval: "12.3 (9.1 to 15.5)". */
function range({ value, low, high }: Interval): string {
  const main = decimal(100 * value, 1);
  return low === null || high === null
    ? main
    : `${main} (${decimal(100 * low, 1)} to ${decimal(100 * high, 1)})`;
}
