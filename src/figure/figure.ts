/** How a figure is to be drawn. */
export interface Canvas {
  /** The DOM to build in: a browser's `document`, or linkedom's (see document.node.ts). */
  readonly document: unknown;
  /** page: colours are CSS variables of the report, so that it follows light and dark. paper: fixed, on white, for a file. */
  readonly ink: "page" | "paper";
  /** wide: 760 pixels across; narrow: 360, for telephones. */
  readonly width: "wide" | "narrow";
}

/** A figure: data and text, and a function that draws it. Nothing is drawn until asked. */
export interface Figure {
  /** Name of its file, without ending: lower case, hyphens. */
  readonly id: string;
  readonly title: string;
  /** What is plotted, over which seeds, what the intervals are, and what in the paper it corresponds to. Plain text. */
  readonly caption: string;
  /** All plotted numbers as a table, one observation a line. */
  readonly csv: string;
  /** The figure as one SVG element. With "paper" ink it is a complete SVG file. */
  svg(canvas: Canvas): string;
}

/** A figure that cannot be drawn from these results, and why, as a sentence. */
export interface AbsentFigure {
  readonly id: string;
  readonly title: string;
  readonly absent: string;
}
