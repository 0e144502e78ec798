import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../base/file.node.ts";
import { figureDocument } from "../figure/document.node.ts";
import { allFigures } from "../study/all-figures.ts";
import { renderReport, type ReportSource, resultsJson } from "./report.ts";

/**
 * Writes report.html, results.json and figures/*.svg into a folder (made when missing), each file whole or not at all,
 * the page last. Earlier reports in the folder are replaced; figures of theirs that this study lacks are removed.
 * @returns the path of report.html
 * @throws {ScopeError} io, when a file cannot be written
 */
export async function writeReport(folder: string, source: ReportSource): Promise<string> {
  const document = figureDocument();
  const page = join(folder, "report.html");
  const html = renderReport(source, document);
  const overwrite = { overwrite: true };
  for (const figure of allFigures(source)) {
    const path = join(folder, "figures", `${figure.id}.svg`);
    if ("absent" in figure) await rm(path, { force: true });
    else
      await writeWhole(
        path,
        bytesOf(`${figure.svg({ document, ink: "paper", width: "wide" })}\n`),
        overwrite,
      );
  }
  await writeWhole(join(folder, "results.json"), bytesOf(resultsJson(source.results)), overwrite);
  await writeWhole(page, bytesOf(html), overwrite);
  return page;
}

function bytesOf(text: string): Uint8Array[] {
  return [new TextEncoder().encode(text)];
}
