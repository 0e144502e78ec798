import type { SeriesStyle } from "../../figure/draw.ts";
import type { Path, Treatment } from "../results.ts";

/** Looks in the order in which they are given out: plain, then what was done to the pair. */
const looks: readonly Pick<SeriesStyle, "color" | "shape">[] = [
  { color: "vermillion", shape: "square2" },
  { color: "blue", shape: "circle" },
  { color: "green", shape: "diamond2" },
  { color: "purple", shape: "triangle2" },
];

const alignments: Readonly<Record<Treatment["align"], string>> = {
  none: "as they are",
  weights: "aligned by weights",
  activations: "aligned by activations",
  ste: "aligned by training (straight-through)",
};

/** What was done, without the statistics: "as they are", "aligned by weights, repaired". */
function coreLabel({ align, curve, repair }: Treatment): string {
  const parts = [
    ...(align === "none" && (repair || curve === "bezier") ? [] : [alignments[align]]),
    ...(repair ? ["repaired"] : []),
    ...(curve === "bezier" ? ["Bézier curve"] : []),
  ];
  return parts.join(", ");
}

/**
 * How the treatments of some paths look: colour and shape by what was done; dashed where the statistics of batch norm were
 * interpolated like weights. The statistics are named only where two paths differ by nothing else.
 * @returns one style for each distinct treatment, in order of first appearance
 */
export function treatmentStyles(paths: readonly Path[]): { treatment: Treatment; style: SeriesStyle }[] {
  const distinct: Treatment[] = [];
  for (const { treatment } of paths)
    if (!distinct.some((one) => sameTreatment(one, treatment))) distinct.push(treatment);
  const cores = [...new Set(distinct.map(coreLabel))];
  return distinct.map((treatment) => {
    const core = coreLabel(treatment);
    const shared = distinct.filter((one) => coreLabel(one) === core).length > 1;
    const label =
      shared && treatment.statistics !== "none" ? `${core}, statistics ${treatment.statistics}` : core;
    const look = looks[cores.indexOf(core) % looks.length]!;
    const key = `${core} ${treatment.statistics}`.toLowerCase().replace(/[^a-z]+/g, "-");
    return {
      treatment,
      style: { key, label, ...look, ...(treatment.statistics === "interpolated" ? { dash: "5,3" } : {}) },
    };
  });
}

/** Whether two paths went through the same. */
export function sameTreatment(a: Treatment, b: Treatment): boolean {
  return a.align === b.align && a.curve === b.curve && a.statistics === b.statistics && a.repair === b.repair;
}

/** A treatment in words, statistics included where there are any. */
export function treatmentLabel(treatment: Treatment): string {
  const core = coreLabel(treatment);
  return treatment.statistics === "none" ? core : `${core}, statistics ${treatment.statistics}`;
}
