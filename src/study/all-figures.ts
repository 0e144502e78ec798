import type { AbsentFigure, Figure } from "../figure/figure.ts";
import type { FigureSource, StudyFigure } from "./figure-source.ts";
import * as figures from "./figures/index.ts";

/** The order of a reader's questions. Figures that are not named here come last. */
const order: readonly string[] = [
  "accuracy",
  "example-images",
  "learning-curves",
  "relative-gain",
  "area",
  "survival",
  "speed-up",
  "milestones",
  "tuning",
];

/** All figures of a study in the order of the report, the headline first; absent ones with their reasons. */
export function allFigures(source: FigureSource): (Figure | AbsentFigure)[] {
  const rank = ({ id }: { id: string }) => (order.includes(id) ? order.indexOf(id) : order.length);
  const table: Readonly<Record<string, StudyFigure>> = figures;
  return Object.values(table)
    .map((figure) => figure(source))
    .toSorted((a, b) => rank(a) - rank(b));
}
