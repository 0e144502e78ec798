import type { AbsentFigure, Canvas, Figure } from "../figure/figure.ts";
import { type Html, markup, raw, unbroken } from "./html.ts";
import { figureLinks } from "./links.ts";

/** A figure with its caption and downloads. The wide and the narrow drawing are both there; the style sheet shows one. */
export function figureSection(figure: Figure, document: Canvas["document"], heading: boolean): Html {
  const drawn = (["wide", "narrow"] as const).map(
    (width) => markup`<div class="${width}">${raw(figure.svg({ document, ink: "page", width }))}</div>`,
  );
  const title = heading ? markup`<h3>${figure.title}</h3>` : markup``;
  return markup`<figure id="${figure.id}">
    ${title}${drawn}
    <figcaption>
      ${heading ? markup`` : markup`<strong>${figure.title}.</strong> `}${unbroken(figure.caption)}
    </figcaption>
    ${figureLinks(figure, document)}
  </figure> `;
}

/** Which figures are missing, and why. */
export function absentNote(absent: readonly AbsentFigure[]): Html {
  if (absent.length === 0) return markup``;
  return markup`<p>Not drawn:</p>
    <ul>
      ${absent.map((one) => markup`<li>${one.title}: ${one.absent}.</li>`)}
    </ul>`;
}
