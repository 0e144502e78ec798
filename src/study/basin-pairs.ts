import type { StudyConfig } from "./config.ts";
import type { Arm } from "./plan.ts";

/** One run of a pair: an arm and a seed, on intact images. */
export interface Member {
  readonly arm: Arm;
  readonly seed: number;
}

/** Pairs of one kind, as rows of the lecture's table have them. */
export interface PairKind {
  readonly label: string;
  readonly sameStart: boolean;
  readonly pairs: readonly (readonly [Member, Member])[];
}

/** Pairs of a kind at most: each is a path over all test images. */
const mostPairs = 3;

/**
 * The pairs of reported runs between which a study looks: fine-tuned with fine-tuned, scratch with scratch, fine-tuned with
 * scratch. Members of a pair differ in their seed: head (and all of the initial weights, from scratch), order and
 * augmentation, and which training images were drawn. None with one seed, or without intact images.
 */
export function basinPairs({ seeds, shuffles }: Pick<StudyConfig, "seeds" | "shuffles">): PairKind[] {
  if (seeds.length < 2 || !shuffles.includes("none")) return [];
  const chosen = seedPairs(seeds);
  const kind = (label: string, sameStart: boolean, a: Arm, b: Arm): PairKind => ({
    label,
    sameStart,
    pairs: chosen.map(([one, other]) => [
      { arm: a, seed: one },
      { arm: b, seed: other },
    ]),
  });
  return [
    kind("P-T / P-T", true, "pretrained", "pretrained"),
    kind("RI-T / RI-T", false, "scratch", "scratch"),
    kind("P-T / RI-T", false, "pretrained", "scratch"),
  ];
}

/** Up to three pairs of seeds, with as few seeds in common as can be; of equals those listed first. */
export function seedPairs(seeds: readonly number[]): (readonly [number, number])[] {
  const left = seeds.flatMap((one, i) => seeds.slice(i + 1).map((other) => [one, other] as const));
  const used = new Map(seeds.map((seed) => [seed, 0]));
  const chosen: (readonly [number, number])[] = [];
  while (chosen.length < mostPairs && left.length > 0) {
    const uses = left.map(([one, other]) => used.get(one)! + used.get(other)!);
    const [pair] = left.splice(uses.indexOf(Math.min(...uses)), 1);
    chosen.push(pair!);
    for (const seed of pair!) used.set(seed, used.get(seed)! + 1);
  }
  return chosen;
}

/** Whether runs stand in several pairs of a kind: then its pairs are not independent. */
export function shareRuns(kinds: readonly PairKind[]): boolean {
  return kinds.some(({ pairs }) => {
    const members = pairs.flat().map(({ arm, seed }) => `${arm} ${seed}`);
    return new Set(members).size < members.length;
  });
}
