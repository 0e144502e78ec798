import type { Canvas, Figure } from "../figure/figure.ts";
import { allFigures } from "../study/all-figures.ts";
import type { Examples, StudyCost, StudyResults } from "../study/results.ts";
import { answer } from "../study/words.ts";
import { basinChapter } from "./basin-sections.ts";
import { criticalityChapter } from "./criticality.ts";
import { markup } from "./html.ts";
import { renderPage } from "./page.ts";
import { methods, setup, studyProvenance } from "./sections.ts";
import { runTable, summaryTable } from "./tables.ts";

/** What a report is made from. */
export interface ReportSource {
  readonly results: StudyResults;
  readonly cost: StudyCost;
  readonly examples?: Examples | undefined;
}

/**
 * The report of a study as one HTML page (see `renderPage`): the answer in words, the headline figure, the setup, all
 * figures, basins and critical modules where the study looked for them, tables, methods and provenance.
 * @param document a DOM to draw figures in (see figure/document.node.ts)
 */
export function renderReport(source: ReportSource, document: Canvas["document"]): string {
  const { results, cost } = source;
  const figures = allFigures(source);
  const headline = figures.find((figure): figure is Figure => "svg" in figure);
  return renderPage(
    {
      title: results.study.name,
      question: results.study.question,
      answer: answer(results),
      headline,
      sections: [
        { heading: "What was done", html: setup(results) },
        { heading: "Figures", figures: figures.filter((figure) => figure !== headline) },
        ...(results.basin === undefined ? [] : [basinChapter(results.basin)]),
        ...(results.criticality === undefined ? [] : [criticalityChapter(results.criticality)]),
        {
          heading: "Numbers",
          tables: [
            summaryTable(results),
            markup`<details>
              <summary>All ${results.runs.length} runs</summary>
              ${runTable(results)}
            </details>`,
          ],
        },
      ],
      methods: methods(results),
      provenance: studyProvenance(results, cost),
      data: results,
      dataName: "results.json",
    },
    document,
  );
}
