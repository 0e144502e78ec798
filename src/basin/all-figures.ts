import type { AbsentFigure, Figure } from "../figure/figure.ts";
import * as figures from "./figures/index.ts";
import type { BarrierResults, InstabilityResults, PlaneResults, SoupResults, StudyBasin } from "./results.ts";

/** What any command about basins finds. */
export type BasinResults = BarrierResults | PlaneResults | InstabilityResults | SoupResults;

/** All figures of a command's results in the order of its page, the headline first; absent ones with their reasons. */
export function allBasinFigures(results: BasinResults): (Figure | AbsentFigure)[] {
  switch (results.kind) {
    case "barrier":
      return results.models.length > 2
        ? [figures.matrix(results), figures.paths(results)]
        : [figures.paths(results)];
    case "plane":
      return [figures.plane(results, "test"), figures.plane(results, "train")];
    case "instability":
      return [
        figures.instability(results),
        ...(results.grid.length > 0 ? [figures.rows(results.grid), figures.rowPaths(results.grid)] : []),
      ];
    case "soup":
      return [
        figures.soupMethods(results),
        figures.soupGrowth(results),
        ...(results.wise === undefined ? [] : [figures.wise(results)]),
        ...(results.mixing === undefined ? [] : [figures.mixing(results)]),
      ];
  }
}

/** The figures of a study's chapter about basins: barriers by kind of pair, and the paths they are read off. */
export function basinFigures({ rows }: StudyBasin): (Figure | AbsentFigure)[] {
  return [figures.rows(rows), figures.rowPaths(rows)];
}
