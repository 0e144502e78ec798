import type { Canvas, Figure } from "../figure/figure.ts";
import { base64 } from "../figure/png.ts";
import { type Html, markup } from "./html.ts";

/** Links that hand a figure out as SVG and as CSV. The files are inside the links: no server and no script is needed. */
export function figureLinks(figure: Figure, document: Canvas["document"]): Html {
  const svg = figure.svg({ document, ink: "paper", width: "wide" });
  return markup`<div class="downloads">
    <a download="${figure.id}.svg" href="${dataUrl("image/svg+xml", svg)}">SVG</a
    ><a download="${figure.id}.csv" href="${dataUrl("text/csv", figure.csv)}">CSV</a>
  </div>`;
}

function dataUrl(type: string, text: string): string {
  return `data:${type};charset=utf-8;base64,${base64(new TextEncoder().encode(text))}`;
}
