import type { AbsentFigure, Figure } from "../figure/figure.ts";
import { enumerate, seedCount } from "./format.ts";
import type { Estimate, Examples, StudyResults } from "./results.ts";

/** What the figures of a study are made from. */
export interface FigureSource {
  readonly results: StudyResults;
  readonly examples?: Examples | undefined;
}

/** A figure of a study: a pure function of its results. */
export type StudyFigure = (source: FigureSource) => Figure | AbsentFigure;

/** The paper every figure is held against. */
export const paper = "Neyshabur, Sedghi & Zhang 2020 (arXiv 2008.11687)";

/** "3 seeds (0, 1 and 2)". */
export function seedsNamed({ seeds }: StudyResults): string {
  return `${seedCount(seeds.length)} (${enumerate(seeds.map(String))})`;
}

/** How intervals of means are made, as a sentence; that there are none, when there is one seed. */
export function intervalSentence({ seeds }: StudyResults): string {
  return seeds.length < 2
    ? "There are no intervals: they need two seeds or more."
    : `Bars are 95 % confidence intervals over seeds (Student's t, ${seeds.length - 1} degree${seeds.length === 2 ? "" : "s"} of freedom).`;
}

/** Value and interval as three fields of a table. */
export function csvEstimate(estimate: Estimate | null): [number | null, number | null, number | null] {
  return estimate === null ? [null, null, null] : [estimate.value, estimate.low, estimate.high];
}
