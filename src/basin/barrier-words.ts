import { decimal, enumerate, grouped } from "../figure/numbers.ts";
import type {
  Barrier,
  BarrierDefinition,
  Interval,
  Kinship,
  ModelFacts,
  Pair,
  Path,
  Split,
} from "./results.ts";

/** What the words need besides the pairs. */
export interface Told {
  readonly models: readonly ModelFacts[];
  /** The models as they were typed, for commands to type next. */
  readonly typed: readonly string[];
  readonly pairs: readonly Pair[];
  readonly basins: readonly (readonly number[])[];
  /** Of the error barrier, a share. */
  readonly threshold: number;
  /** Classes the images belong to: tells what chance is. */
  readonly classes: number;
  /** Images looked at of each split; 0: none. */
  readonly images: { readonly train: number; readonly test: number };
  /** Test images there are. */
  readonly available: number;
  /** Training images the batch-norm statistics were estimated on; 0: they were not. */
  readonly renormalized: number;
  /** Whether the networks have batch norm: REPAIR is for those without. */
  readonly batchNorm: boolean;
}

/**
 * The answer in sentences: is there a barrier, what takes it away, what is its likely cause, what to do. A change is only
 * called one when the 95 % intervals before and after have nothing in common, and a pair only connected (or apart) when
 * its whole interval is below (or above) the threshold.
 */
export function barrierWords(told: Told): string[] {
  if (told.pairs.length === 1) return pairWords(told.pairs[0]!, told);
  return [...groupWords(told), ...treatmentsOverall(told), ...weakNetworks(told)];
}

/** Barrier of a path by definition and quantity, on test images where there are any. */
export function barrierOf(
  path: Path,
  definition: BarrierDefinition,
  quantity: Barrier["quantity"],
): Barrier | undefined {
  const of = (split: Split) =>
    path.barriers.find(
      (one) => one.split === split && one.definition === definition && one.quantity === quantity,
    );
  return of("test") ?? of("train");
}

/** The path with nothing done to the networks but what their batch norm needs. */
export function plainPath({ paths }: Pair): Path {
  const plain = paths.filter(
    ({ treatment }) => treatment.align === "none" && treatment.curve === "linear" && !treatment.repair,
  );
  return plain.at(-1) ?? paths[0]!;
}

function pairWords(pair: Pair, told: Told): string[] {
  const [a, b] = [told.models[pair.a]!.name, told.models[pair.b]!.name];
  if (pair.distance === 0) {
    return [
      `${a} and ${b} hold the same weights: nothing lies between them, and the barrier is 0.`,
      ...weakNetworks(told),
    ];
  }
  return [
    ...headline(pair, a, b, told),
    ...unevenEnds(pair, a, b, told),
    ...statisticsWords(pair, told),
    ...treatmentWords(pair, b, told),
    ...advice(pair, told),
    ...weakNetworks(told),
  ];
}

/** The finding in one sentence, and what it means in another. */
function headline(pair: Pair, a: string, b: string, told: Told): string[] {
  const path = plainPath(pair);
  const height = errorHeight(path);
  const limit = `${points(told.threshold)} points`;
  const known = `(${bounds(height, `over ${grouped(imagesOf(told))} ${splitOf(told)} images`)})`;
  const rise = `${points(height.value)} points above their mean ${known}`;
  switch (says(height, told.threshold)) {
    case "connected":
      return [
        `${a} and ${b} lie in one basin: on the straight line between them the ${splitOf(told)} error rises at most ${rise}.`,
        `That is less than the threshold of ${limit}: averaging them is safe on this data (transferscope soup ${commandOf(pair, told)}).`,
      ];
    case "barrier":
      return [
        `A barrier of ${points(height.value)} points of ${splitOf(told)} error stands between ${a} and ${b} ${known}.`,
        `That is how far the error on the straight line between them rises above their mean; the threshold is ${limit}.${halfWay(path, a, b)}`,
      ];
    case "open":
      return [
        `Whether a barrier stands between ${a} and ${b} is open: on the straight line the ${splitOf(told)} error rises ${rise}.`,
        `That does not settle on which side of the threshold of ${limit} it is.${moreImages(told)}`,
      ];
  }
}

/** The accuracy half-way, beside the ends'; nothing when ½ is not on the path. */
function halfWay(path: Path, a: string, b: string): string {
  const curve = path.curves.find(({ split }) => split === "test") ?? path.curves[0];
  const [first, half, last] = [0, 0.5, 1].map((x) => curve?.accuracy[path.at.indexOf(x)]?.value);
  if (first === undefined || half === undefined || last === undefined) return "";
  return ` Half-way ${share(half)} is classified correctly, by ${a} ${share(first)}, by ${b} ${share(last)}: do not average them as they are.`;
}

/** Both networks as they were typed. */
function commandOf(pair: Pair, { typed }: Told): string {
  return `${typed[pair.a]!} ${typed[pair.b]!}`;
}

function moreImages({ images, available }: Told): string {
  return available > images.test
    ? ` More images narrow the interval: --test-images ${available}.`
    : " All test images were used: this data cannot settle it.";
}

/** The mean definition also counts what is no bump: ends of unlike quality. */
function unevenEnds(pair: Pair, a: string, b: string, told: Told): string[] {
  const path = plainPath(pair);
  const mean = errorHeight(path);
  const chord = barrierOf(path, "chord", "error")?.height;
  if (says(mean, told.threshold) !== "barrier" || chord === undefined) return [];
  if (says(chord, told.threshold) !== "connected") return [];
  return [
    `That is no bump, but the unlike quality of the ends: above the straight line from ${a}'s error to ${b}'s it rises ${range(chord)} at most.`,
  ];
}

/** What re-estimating batch-norm statistics did. */
function statisticsWords(pair: Pair, { renormalized }: Told): string[] {
  const plain = plainPath(pair);
  const stale = pair.paths.find(
    ({ treatment }) =>
      treatment.statistics === "interpolated" &&
      treatment.align === "none" &&
      treatment.curve === "linear" &&
      !treatment.repair,
  );
  if (stale === undefined || stale === plain) {
    return plain.treatment.statistics === "interpolated"
      ? [
          "The networks have batch norm, and its statistics were interpolated like weights; part of what was found may come from that alone: --renormalize auto estimates them anew.",
        ]
      : [];
  }
  const [before, after] = [errorHeight(stale), errorHeight(plain)];
  const how = `batch-norm statistics, on ${grouped(renormalized)} training images at every point`;
  if (change(before, after) === "lower") {
    return [
      `Interpolated statistics alone would have shown ${range(before)}: estimating the ${how}, takes ${points(before.value - after.value)} points away.`,
    ];
  }
  if (change(before, after) === "higher") {
    return [`Estimating the ${how}, raises the barrier: it was ${range(before)} with interpolated ones.`];
  }
  return [
    `Estimating the ${how}, made no difference that could be shown: ${range(before)} with interpolated ones.`,
  ];
}

const alignments = {
  none: "",
  weights: "weight matching",
  activations: "activation matching",
  ste: "the straight-through estimator",
} as const;

/** What alignment, REPAIR and a curved path did, each against what was there before it. */
function treatmentWords(pair: Pair, b: string, told: Told): string[] {
  const lines: string[] = [];
  const plain = plainPath(pair);
  const aligned = alignedPath(pair);
  // The last of its kind: with statistics estimated anew, where there are any.
  const repaired = pair.paths.findLast(({ treatment }) => treatment.repair);
  const curved = pair.paths.findLast(({ treatment }) => treatment.curve === "bezier");
  let before = errorHeight(plain);
  if (aligned !== undefined) {
    const after = errorHeight(aligned);
    lines.push(
      effect(
        `permuting ${b}'s units (${alignments[aligned.treatment.align]})`,
        before,
        after,
        told,
        "permutation symmetry explains",
      ),
    );
    before = after;
    if (pair.proof !== undefined) {
      lines.push(
        `The permuted ${b} computes what ${b} computes: its outputs differ by at most ${pair.proof.toExponential(0)} of the largest.`,
      );
    }
    const unproved = pair.symmetry?.unproved ?? [];
    lines.push(...unproved.slice(0, 2));
    if (unproved.length > 2)
      lines.push(`Nor were the units moved that ${unproved.length - 2} more reasons hold for.`);
  }
  if (repaired !== undefined) {
    const after = errorHeight(repaired);
    const doing = "giving hidden units back the spread they have at the ends (REPAIR)";
    lines.push(effect(doing, before, after, told, "the lost spread explains"));
  }
  if (curved !== undefined) {
    const after = errorHeight(curved);
    const found = range(after);
    lines.push(
      {
        connected: `A curved path joins them: along the trained quadratic Bézier curve the error rises at most ${found} above their mean.`,
        barrier: `Along the trained quadratic Bézier curve the error still rises ${found} above their mean; longer training of the curve may lower it.`,
        open: `Along the trained quadratic Bézier curve the error rises ${found} above their mean, which does not settle whether a curved path joins them.`,
      }[says(after, told.threshold)],
    );
  }
  return lines;
}

function effect(doing: string, before: Interval, after: Interval, told: Told, explains: string): string {
  const doingUpper = doing[0]!.toUpperCase() + doing.slice(1);
  switch (change(before, after)) {
    case "lower": {
      const removed =
        says(before, told.threshold) === "barrier" ? 1 - Math.max(0, after.value) / before.value : undefined;
      const part = removed === undefined ? "" : `: ${explains} ${decimal(100 * removed, 0)} % of the barrier`;
      const rest =
        says(after, told.threshold) === "connected"
          ? `, under the threshold of ${points(told.threshold)} points`
          : "";
      return `After ${doing} ${range(after)} remain${rest}${part}.`;
    }
    case "higher":
      return `${doingUpper} made it worse: ${range(after)} instead of ${range(before)}.`;
    case "none":
      return `${doingUpper} made no difference that could be shown: ${range(after)}, before ${range(before)}.`;
  }
}

const began: Readonly<Record<Kinship, string | undefined>> = {
  copy: undefined,
  "same weights": "Both were trained on from the same weights",
  "same init": "Both began from the same random weights",
  "different init": "They began from different random weights",
  "pretrained and scratch": "One was fine-tuned from trained weights, the other began from random ones",
  "different pretraining": "They were fine-tuned from different trained weights",
};

/** The likely cause, and what to do. */
function advice(pair: Pair, told: Told): string[] {
  const plain = says(errorHeight(plainPath(pair)), told.threshold);
  const last = pair.paths.at(-1)!;
  const end = says(errorHeight(last), told.threshold);
  if (plain === "connected") return [];
  const cause = began[pair.kinship ?? "copy"];
  const lines: string[] = [];
  if (cause !== undefined && plain === "barrier") {
    lines.push(
      pair.kinship === "same weights" || pair.kinship === "same init"
        ? `${cause}, so the training since then took them apart: a lower learning rate, or parting later, keeps networks together.`
        : `${cause}, which is the usual cause of a barrier.`,
    );
  }
  if (end === "connected" && last.treatment.curve === "bezier" && !alignedConnects(pair, told)) {
    lines.push("A straight average of the two is still no good; their logit ensemble is an alternative.");
    return lines;
  }
  if (end === "connected") {
    const aligned = alignedPath(pair);
    const enough = aligned !== undefined && says(errorHeight(aligned), told.threshold) === "connected";
    lines.push(
      aligned === undefined
        ? `To average them: transferscope soup ${commandOf(pair, told)}.`
        : `To keep the moved network: transferscope align ${commandOf(pair, told)} --out moved.onnx; ${enough ? "it can be averaged with the first" : "an average needs its units repaired as here"}.`,
    );
    return lines;
  }
  // Nothing is shown, and nothing was tried: then there is nothing to mend.
  if (plain === "open" && last === plainPath(pair)) return lines;
  lines.push(nextStep(pair, told));
  return lines;
}

function nextStep(pair: Pair, { batchNorm }: Told): string {
  if (alignedPath(pair) === undefined) {
    return "Next: --align weights looks for an order of the second network's units that brings the two together; its outputs stay the same.";
  }
  if (!batchNorm && pair.paths.every(({ treatment }) => !treatment.repair)) {
    return "Next: --repair gives interpolated networks back the spread of activations that averaging takes away.";
  }
  return "To use both: average their logits (an ensemble costs one pass a member), or fine-tune both from the same weights.";
}

function alignedPath({ paths }: Pair): Path | undefined {
  return paths.find(
    ({ treatment }) =>
      treatment.align !== "none" &&
      !treatment.repair &&
      treatment.curve === "linear" &&
      (treatment.statistics !== "interpolated" ||
        !paths.some((one) => one.treatment.statistics === "re-estimated")),
  );
}

function alignedConnects(pair: Pair, { threshold }: Told): boolean {
  return pair.paths.some(
    (path) => path.treatment.curve === "linear" && says(errorHeight(path), threshold) === "connected",
  );
}

function groupWords({ models, pairs, basins, threshold }: Told): string[] {
  const count = (which: string) => pairs.filter(({ verdict }) => verdict.says === which).length;
  const [connected, apart, open] = [count("connected"), count("barrier"), count("open")];
  const treated = pairs.some((pair) => pair.paths.at(-1) !== plainPath(pair));
  const limit = `threshold: ${points(threshold)} points of error${treated ? "; on the last path of each pair, with everything done to it" : ""}`;
  const parts = [
    ...(connected > 0 ? [`${connected} ${connected === 1 ? "is" : "are"} connected`] : []),
    ...(apart > 0 ? [`${apart} ${apart === 1 ? "has" : "have"} a barrier between`] : []),
    ...(open > 0 ? [`${open} ${open === 1 ? "is" : "are"} open`] : []),
  ];
  const name = (i: number) => models[i]!.name;
  const lines = [
    `Of ${pairs.length} pairs of ${models.length} networks ${enumerate(parts)} (${limit}).`,
    basins.length === 1
      ? "All of them form one group, with no barrier in it above the threshold."
      : `Groups without a barrier above the threshold inside: ${basins.map((group) => group.map(name).join(" + ")).join("; ")}.`,
  ];
  const unsure = basins.filter((group) =>
    pairs.some(({ a, b, verdict }) => group.includes(a) && group.includes(b) && verdict.says !== "connected"),
  );
  if (unsure.length > 0) {
    lines.push(
      `In ${unsure.map((group) => group.map(name).join(" + ")).join("; ")} an interval includes the threshold: the grouping goes by the values alone there.`,
    );
  }
  const largest = pairs.toSorted((x, y) => y.verdict.of.value - x.verdict.of.value)[0]!;
  lines.push(
    `The highest barrier, ${range(largest.verdict.of)}, stands between ${name(largest.a)} and ${name(largest.b)}.`,
  );
  // Weights are averaged along the straight line of the networks as they are.
  const averaged = (group: readonly number[]): boolean =>
    pairs.every(
      (pair) =>
        !(group.includes(pair.a) && group.includes(pair.b)) ||
        says(errorHeight(plainPath(pair)), threshold) === "connected",
    );
  const safe = basins.filter((group) => group.length > 1 && averaged(group));
  if (safe.length > 0) {
    lines.push(
      `Safe to average on this data, pair by pair: ${safe.map((group) => group.map(name).join(" + ")).join("; ")}.`,
    );
  }
  return lines;
}

/** With many models: how many pairs each treatment helps. */
function treatmentsOverall({ pairs }: Told): string[] {
  const shown = pairs.filter(({ paths }) => alignedPath({ paths } as Pair) !== undefined);
  if (shown.length === 0) return [];
  const lower = shown.filter(
    (pair) => change(errorHeight(plainPath(pair)), errorHeight(alignedPath(pair)!)) === "lower",
  ).length;
  return [
    `Permuting units lowers the barrier of ${lower} of ${shown.length} pairs by more than their intervals leave open.`,
  ];
}

/** Networks that do no better than chance have nothing to lose between them. */
function weakNetworks({ pairs, models, classes }: Told): string[] {
  const weak = new Set<number>();
  for (const pair of pairs) {
    const path = plainPath(pair);
    const curve = path.curves.find(({ split }) => split === "test") ?? path.curves[0];
    for (const [model, x] of [
      [pair.a, 0],
      [pair.b, 1],
    ] as const) {
      const accuracy = curve?.accuracy[path.at.indexOf(x)];
      if (accuracy !== undefined && (accuracy.low ?? accuracy.value) <= 1 / classes) weak.add(model);
    }
  }
  if (weak.size === 0) return [];
  const names = enumerate([...weak].toSorted((x, y) => x - y).map((i) => models[i]!.name));
  return [
    `${names} ${weak.size === 1 ? "is" : "are"} not shown to do better than chance (${share(1 / classes)}) on this data, where a barrier in error can hardly be seen: look at the loss, or at other data.`,
  ];
}

/** The error barrier a verdict goes by: mean definition (Frankle 2020). */
function errorHeight(path: Path): Interval {
  return barrierOf(path, "mean", "error")!.height;
}

/** Which side of a threshold an interval lies on; "open" also where there is no interval. */
export function says({ low, high }: Interval, threshold: number): "connected" | "barrier" | "open" {
  if (low === null || high === null) return "open";
  return high < threshold ? "connected" : low > threshold ? "barrier" : "open";
}

/** A change is shown when two intervals have nothing in common; images are the same, so this is on the careful side. */
function change(before: Interval, after: Interval): "lower" | "higher" | "none" {
  if (before.low === null || before.high === null || after.low === null || after.high === null) return "none";
  return after.high < before.low ? "lower" : after.low > before.high ? "higher" : "none";
}

function splitOf({ images }: Told): Split {
  return images.test > 0 ? "test" : "train";
}

function imagesOf({ images }: Told): number {
  return images.test > 0 ? images.test : images.train;
}

function points(x: number): string {
  return decimal(100 * x, 1).replace(/\.0$/, "");
}

/** "38.1 points (95 % interval 36.9 to 39.3)". */
export function range(height: Interval): string {
  const known = bounds(height, "");
  return `${decimal(100 * height.value, 1)} points${known === "" ? "" : ` (${known})`}`;
}

/** "95 % interval 36.9 to 39.3, over 2,000 test images"; of one image there is no interval. */
function bounds({ low, high }: Interval, over: string): string {
  const known =
    low === null || high === null
      ? []
      : [`95 % interval ${decimal(100 * low, 1)} to ${decimal(100 * high, 1)}`];
  return [...known, ...(over === "" ? [] : [over])].join(", ");
}

function share(x: number): string {
  return `${decimal(100 * x, 1)} %`;
}
