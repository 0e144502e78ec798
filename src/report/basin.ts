import { allBasinFigures, type BasinResults } from "../basin/all-figures.ts";
import type { RunCost } from "../basin/results.ts";
import type { Canvas, Figure } from "../figure/figure.ts";
import { basinMethods, basinSetup, basinTables, basinTitle } from "./basin-sections.ts";
import { markup } from "./html.ts";
import { orbits, orbitScript } from "./orbit.ts";
import { renderPage } from "./page.ts";
import { provenance } from "./provenance.ts";

/**
 * What a command about basins found, as one HTML page (see `renderPage`).
 * @param document a DOM to draw figures in (see figure/document.node.ts)
 */
export function renderBasin(results: BasinResults, cost: RunCost, document: Canvas["document"]): string {
  const figures = allBasinFigures(results);
  const headline = figures.find((figure): figure is Figure => "svg" in figure);
  const others = figures.filter((figure) => figure !== headline);
  return renderPage(
    {
      title: basinTitle(results),
      answer: results.words,
      headline,
      sections: [
        { heading: "What was done", html: basinSetup(results) },
        ...(others.length > 0
          ? [
              {
                heading: "Figures",
                figures: others,
                after: results.kind === "plane" ? orbits(results) : undefined,
              },
            ]
          : []),
        { heading: "Numbers", tables: basinTables(results) },
      ],
      methods: basinMethods(results),
      provenance: provenance(
        cost,
        [["images", markup`${results.data.set}`]],
        results.kind === "instability" ? results.config : undefined,
      ),
      data: results,
      dataName: "results.json",
      script: results.kind === "plane" ? orbitScript : undefined,
    },
    document,
  );
}
