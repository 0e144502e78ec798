import { canonical } from "../base/canonical.ts";
import type { Canvas, Figure } from "../figure/figure.ts";
import { allFigures } from "../study/all-figures.ts";
import type { Examples, StudyCost, StudyResults } from "../study/results.ts";
import { answer } from "../study/words.ts";
import { markup, raw, unbroken } from "./html.ts";
import { script } from "./script.ts";
import { absentNote, figureSection, methods, provenance, setup } from "./sections.ts";
import { style } from "./style.ts";
import { runTable, summaryTable } from "./tables.ts";

/** What a report is made from. */
export interface ReportSource {
  readonly results: StudyResults;
  readonly cost: StudyCost;
  readonly examples?: Examples | undefined;
}

/**
 * Nothing may be loaded: the page holds all it needs. Should a text get past the escaping, it still could not call out.
 */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/**
 * The report of a study as one HTML page that needs no network, no server and no other file: the answer in words, the
 * headline figure, the setup, all figures with downloads, tables, methods, provenance, and the results as JSON.
 * @param document a DOM to draw figures in (see figure/document.node.ts)
 */
export function renderReport(source: ReportSource, document: Canvas["document"]): string {
  const { results, cost } = source;
  const figures = allFigures(source);
  const [headline, ...others] = figures.filter((figure): figure is Figure => "svg" in figure);
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="generator" content="Transferscope" />
        <link rel="icon" href="data:," />
        <title>${results.study.name} – Transferscope</title>
        <style>${raw(style)}</style>
      </head>
      <body>
        <main>
          <div class="top">
            <span>Transferscope · what was transferred?</span>
            <button id="theme" type="button" hidden>dark page</button>
          </div>
          <h1>${results.study.name}</h1>
          ${results.study.question === undefined ? markup`` : markup`<p class="question">${results.study.question}</p>`}
          <section class="answer" aria-label="the answer in words">
            ${answer(results).map((line) => markup`<p>${unbroken(line)}</p>`)}
          </section>
          ${headline === undefined ? markup`` : figureSection(headline, document, false)}
          <h2>What was done</h2>
          ${setup(results)}
          <h2>Figures</h2>
          ${others.map((figure) => figureSection(figure, document, true))}
          ${absentNote(figures.filter((figure) => "absent" in figure))}
          <h2>Numbers</h2>
          ${summaryTable(results)}
          <details>
            <summary>All ${results.runs.length} runs</summary>
            ${runTable(results)}
          </details>
          <p class="downloads">
            <a id="results-link" download="results.json" href="results.json">results.json</a> everything above
            as data
          </p>
          <h2>Methods</h2>
          ${methods(results)}
          <h2>Provenance</h2>
          ${provenance(results, cost)}
        </main>
        <div id="tip" role="status" hidden></div>
        <script type="application/json" id="results">${raw(jsonInPage(results))}</script>
        <script>${raw(script)}</script>
      </body>
    </html>
`;
  return page.text;
}

/** The canonical JSON of the results: what results.json holds, and what the page carries. */
export function resultsJson(results: StudyResults): string {
  return `${canonical(results)}\n`;
}

/** JSON that cannot end the script element it stands in. The escapes mean the same to any JSON parser. */
function jsonInPage(results: StudyResults): string {
  return resultsJson(results)
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}
