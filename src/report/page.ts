import { canonical } from "../base/canonical.ts";
import type { AbsentFigure, Canvas, Figure } from "../figure/figure.ts";
import { figureSection, absentNote } from "./figures.ts";
import { type Html, markup, raw, unbroken } from "./html.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

/** A chapter of a page: prose and tables first, then figures; what could not be drawn is named with its reason. */
export interface PageSection {
  readonly heading: string;
  readonly html?: Html | undefined;
  readonly figures?: readonly (Figure | AbsentFigure)[] | undefined;
  /** What follows the figures. */
  readonly after?: Html | undefined;
  readonly tables?: readonly Html[] | undefined;
}

/** What a page is made from. */
export interface PageSource {
  readonly title: string;
  readonly question?: string | undefined;
  /** Sentences; the first is the answer, the others qualify it. */
  readonly answer: readonly string[];
  /** The figure that shows the answer, directly below it. */
  readonly headline?: Figure | undefined;
  readonly sections: readonly PageSection[];
  /** How the numbers are made, one item a paragraph. */
  readonly methods: readonly (string | Html)[];
  readonly provenance: Html;
  /** Everything the page shows, as plain data (see `canonical`): the page carries it and hands it out. */
  readonly data: unknown;
  /** Name of the file of that data beside the page. */
  readonly dataName: string;
  /** A script of the page's own besides the one all pages have; it may read the data from the element "results". */
  readonly script?: string | undefined;
}

/**
 * Nothing may be loaded: the page holds all it needs. Should a text get past the escaping, it still could not call out.
 */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/**
 * One HTML page that needs no network, no server and no other file: the answer in words, the headline figure, chapters of
 * figures with downloads and of tables, methods, provenance, and the results as JSON.
 * @param document a DOM to draw figures in (see figure/document.node.ts)
 * @throws {ScopeError} bug, when the data is not plain
 */
export function renderPage(source: PageSource, document: Canvas["document"]): string {
  const { title, question, headline, dataName } = source;
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="generator" content="Transferscope" />
        <link rel="icon" href="data:," />
        <title>${title} – Transferscope</title>
        <style>${raw(style)}</style>
      </head>
      <body>
        <main>
          <div class="top">
            <span>Transferscope · what was transferred?</span>
            <button id="theme" type="button" hidden>dark page</button>
          </div>
          <h1>${title}</h1>
          ${question === undefined ? markup`` : markup`<p class="question">${question}</p>`}
          <section class="answer" aria-label="the answer in words">
            ${source.answer.map((line) => markup`<p>${unbroken(line)}</p>`)}
          </section>
          ${headline === undefined ? markup`` : figureSection(headline, document, false)}
          ${source.sections.map((section) => chapter(section, document))}
          <p class="downloads">
            <a id="results-link" download="${dataName}" href="${dataName}">${dataName}</a> everything above
            as data
          </p>
          <h2>Methods</h2>
          <ul class="methods">
            ${source.methods.map((line) => markup`<li>${typeof line === "string" ? unbroken(line) : line}</li>`)}
          </ul>
          <h2>Provenance</h2>
          ${source.provenance}
        </main>
        <div id="tip" role="status" hidden></div>
        <script type="application/json" id="results">${raw(jsonInPage(source.data))}</script>
        <script>${raw(script)}</script>
        ${source.script === undefined ? markup`` : markup`<script>${raw(source.script)}</script>`}
      </body>
    </html>
`;
  return page.text;
}

function chapter(
  { heading, html, figures = [], after, tables = [] }: PageSection,
  document: Canvas["document"],
): Html {
  return markup`<h2>${heading}</h2>
    ${html ?? markup``}
    ${figures.flatMap((figure) => ("svg" in figure ? [figureSection(figure, document, true)] : []))}
    ${absentNote(figures.filter((figure) => "absent" in figure))}
    ${after ?? markup``}
    ${tables}`;
}

/** The canonical JSON of results: what results.json holds, and what the page carries. */
export function resultsJson(results: unknown): string {
  return `${canonical(results)}\n`;
}

/** JSON that cannot end the script element it stands in. The escapes mean the same to any JSON parser. */
function jsonInPage(results: unknown): string {
  return resultsJson(results)
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}
