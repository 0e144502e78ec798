import type { Symmetry } from "./types.ts";
import { outerSize } from "./permutations.ts";

/** How much freedom a symmetry holds. */
export interface SymmetrySize {
  /** Number of spaces. */
  readonly spaces: number;
  /** Positions that may move, nested ones counted in every outer element. */
  readonly positions: number;
  /** log10 of the number of permutations. */
  readonly log10: number;
}

/** Counts a symmetry: n! orders for a plain space of n, (n!)^m for one inside each of m elements. */
export function symmetrySize(symmetry: Symmetry): SymmetrySize {
  let [positions, log10] = [0, 0];
  for (const space of symmetry.spaces) {
    const times = outerSize(symmetry, space);
    positions += times * space.size;
    for (let i = 2; i <= space.size; i++) log10 += times * Math.log10(i);
  }
  return { spaces: symmetry.spaces.length, positions, log10 };
}

/** A symmetry in sentences: how much is free, how large the group is, and what was left in place for want of a proof. */
export function describeSymmetry(symmetry: Symmetry): string[] {
  const { spaces, positions, log10 } = symmetrySize(symmetry);
  if (spaces === 0) return ["No weights can be permuted.", ...unprovedSentences(symmetry)];
  const nested = symmetry.spaces.filter((space) => space.within !== undefined).length;
  const sentences = [
    `${count(spaces, "space")} with ${count(positions, "position")} may be permuted${
      nested === 0 ? "" : `; ${nested} of the spaces anew inside every element of another`
    }.`,
    `That makes about 10^${Math.round(log10).toLocaleString("en-US")} networks that compute the same.`,
  ];
  return [...sentences, ...unprovedSentences(symmetry)];
}

/** One sentence for each reason, with the places it holds for. */
export function unprovedSentences(symmetry: Symmetry): string[] {
  const byReason = Map.groupBy(symmetry.unproved, (one) => one.reason);
  return [...byReason].map(([reason, places]) => {
    const total = places.reduce((sum, one) => sum + one.size, 0);
    const more = places.length > 1 ? ` and ${count(places.length - 1, "more place")}` : "";
    return `${count(total, "position")} stay in place (${places[0]!.where}${more}): ${reason}.`;
  });
}

function count(n: number, what: string): string {
  return `${n.toLocaleString("en-US")} ${what}${n === 1 ? "" : "s"}`;
}
