import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../base/file.node.ts";
import { allBasinFigures, type BasinResults, basinFigures } from "../basin/all-figures.ts";
import type { RunCost } from "../basin/results.ts";
import {
  allCriticalityFigures,
  criticalityFigures,
  furtherCriticalityFigures,
} from "../criticality/all-figures.ts";
import type { CriticalityResults, RewindResults } from "../criticality/results.ts";
import { figureDocument } from "../figure/document.node.ts";
import type { AbsentFigure, Figure } from "../figure/figure.ts";
import { allFigures } from "../study/all-figures.ts";
import { renderBasin } from "./basin.ts";
import { renderCriticality } from "./criticality.ts";
import { resultsJson } from "./page.ts";
import { renderReport, type ReportSource } from "./report.ts";

/** Figures of chapters that not every study has: an earlier report may have left them. */
const chapterFigures = ["basin-rows", "basin-paths", "criticality-by-depth", "maps-1", "maps-2"];

/**
 * Writes report.html, results.json and figures/*.svg into a folder (made when missing), each file whole or not at all,
 * the page last. Earlier reports in the folder are replaced; figures of theirs that this study lacks are removed.
 * @returns the path of report.html
 * @throws {ScopeError} io, when a file cannot be written
 */
export function writeReport(folder: string, source: ReportSource): Promise<string> {
  const { basin, criticality } = source.results;
  const chapters = [
    ...(basin === undefined ? [] : basinFigures(basin)),
    ...(criticality === undefined ? [] : criticalityFigures(criticality)),
  ];
  const own = [...allFigures(source), ...chapters];
  const missing = chapterFigures.filter((id) => own.every((figure) => figure.id !== id));
  const figures = [
    ...own,
    ...missing.map((id) => ({ id, title: id, absent: "this study has no such chapter" })),
  ];
  return write(folder, figures, source.results, (document) => renderReport(source, document));
}

/**
 * Writes the page of a command about basins as `writeReport` writes a study's.
 * @returns the path of report.html
 * @throws {ScopeError} io, when a file cannot be written
 */
export function writeBasin(folder: string, results: BasinResults, cost: RunCost): Promise<string> {
  return write(folder, allBasinFigures(results), results, (document) => renderBasin(results, cost, document));
}

/**
 * Writes the page of `criticality` or `rewind` as `writeReport` writes a study's; figures of networks that the page does
 * not show are files beside those it does.
 * @returns the path of report.html
 * @throws {ScopeError} io, when a file cannot be written
 */
export function writeCriticality(
  folder: string,
  results: CriticalityResults | RewindResults,
  cost: RunCost,
): Promise<string> {
  const figures = [...allCriticalityFigures(results), ...furtherCriticalityFigures(results)];
  return write(folder, figures, results, (document) => renderCriticality(results, cost, document));
}

async function write(
  folder: string,
  figures: readonly (Figure | AbsentFigure)[],
  results: unknown,
  render: (document: unknown) => string,
): Promise<string> {
  const document = figureDocument();
  const page = join(folder, "report.html");
  const html = render(document);
  const overwrite = { overwrite: true };
  for (const figure of figures) {
    const path = join(folder, "figures", `${figure.id}.svg`);
    if ("absent" in figure) await rm(path, { force: true });
    else
      await writeWhole(
        path,
        bytesOf(`${figure.svg({ document, ink: "paper", width: "wide" })}\n`),
        overwrite,
      );
  }
  await writeWhole(join(folder, "results.json"), bytesOf(resultsJson(results)), overwrite);
  await writeWhole(page, bytesOf(html), overwrite);
  return page;
}

function bytesOf(text: string): Uint8Array[] {
  return [new TextEncoder().encode(text)];
}
