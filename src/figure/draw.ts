import * as Plot from "@observablehq/plot";
import { escapeMarkup } from "./escape.ts";
import type { Canvas } from "./figure.ts";
import { type Ink, inkOf } from "./ink.ts";

/** Shapes a series may have, as Observable Plot names them. */
export type Shape = "circle" | "square2" | "diamond2" | "triangle2";

/** How one series looks everywhere: colour, shape and line style together, so that none has to be told apart by colour alone. */
export interface SeriesStyle {
  /** Identifies the series in the page (highlighting). */
  readonly key: string;
  readonly label: string;
  readonly color: keyof Ink;
  readonly shape: Shape;
  /** SVG dash array; solid if absent. */
  readonly dash?: string;
  /** Whether its marks are outlines. */
  readonly hollow?: boolean;
  /** Whether it has marks only: its key shows no line then. */
  readonly unlined?: boolean;
}

/** What surrounds a plot. */
export interface Surroundings {
  readonly title: string;
  /** What a screen reader says instead of the picture. */
  readonly description: string;
  readonly legend: readonly SeriesStyle[];
}

/** What we use of the DOM; linkedom and browsers both have it. */
interface Element {
  readonly children: Iterable<Element> & { readonly length: number };
  readonly ownerDocument: { createElementNS(namespace: string, name: string): Element };
  readonly outerHTML: string;
  readonly innerHTML: string;
  textContent: string;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  querySelectorAll(selector: string): Iterable<Element>;
  append(...children: Element[]): void;
  remove(): void;
}

/** Font size of figures, pixels. */
const fontSize = 12;

/** Width of a figure, pixels. */
export function widthOf(canvas: Canvas): number {
  return canvas.width === "wide" ? 760 : 360;
}

/**
 * Draws a plot with its legend, described for screen readers, numbers cut to three decimals. Same input, same bytes.
 * A title stands inside the drawing only on paper: the page has its own.
 */
export function drawPlot(canvas: Canvas, options: Plot.PlotOptions, around: Surroundings): string {
  const width = widthOf(canvas);
  return frame(canvas, around, legend(around.legend, width, inkOf(canvas)), plotted(canvas, options, width));
}

/** One of several plots of a figure: where its upper left corner stands, pixels, and its width. */
export interface Panel {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly options: Plot.PlotOptions;
}

/** Draws several plots as one figure, as `drawPlot` draws one. The figure is as high as the lowest panel reaches. */
export function drawPanels(canvas: Canvas, panels: readonly Panel[], around: Surroundings): string {
  const drawn = panels.map((panel) => ({ panel, ...plotted(canvas, panel.options, panel.width) }));
  return frame(canvas, around, legend(around.legend, widthOf(canvas), inkOf(canvas)), {
    height: Math.max(...drawn.map(({ panel, height }) => panel.y + height)),
    inner: drawn
      .map(({ panel, inner }) => `<g transform="translate(${panel.x},${panel.y})">${inner}</g>`)
      .join(""),
  });
}

/** The content of one plot, tidied, and its height. */
function plotted(
  canvas: Canvas,
  options: Plot.PlotOptions,
  width: number,
): { height: number; inner: string } {
  const plot = Plot.plot({ ...options, width, document: canvas.document as never }) as unknown as Element;
  // Plot's own style sheet: not needed, and it would repeat in every figure.
  for (const style of plot.querySelectorAll("style")) style.remove();
  for (const element of plot.querySelectorAll("*")) tidy(element, canvas);
  return { height: Number(plot.getAttribute("height")), inner: plot.innerHTML };
}

/** Puts finished SVG content into a whole figure: title (on paper), legend, background, description. */
export function frame(
  canvas: Canvas,
  around: Omit<Surroundings, "legend">,
  key: { readonly height: number; readonly inner: string },
  body: { readonly height: number; readonly inner: string },
): string {
  const ink = inkOf(canvas);
  const width = widthOf(canvas);
  const onPaper = canvas.ink === "paper";
  const titleLines = onPaper ? wrap(around.title, Math.floor((width - 16) / 9)) : [];
  const titleHeight = titleLines.length * 20 + (onPaper ? 8 : 0);
  const height = titleHeight + key.height + body.height;
  const title = titleLines.map(
    (line, i) =>
      `<text x="8" y="${20 + 20 * i}" font-size="15" font-weight="600" text-anchor="start">${escapeMarkup(line)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="${fontSize}" text-anchor="middle"`,
    ` fill="${ink.text}" color="${ink.text}" role="img" aria-label="${escapeMarkup(`${around.title}. ${around.description}`)}">`,
    onPaper ? `<rect width="${width}" height="${height}" fill="${ink.background}"/>` : "",
    ...title,
    key.inner === "" ? "" : `<g transform="translate(0,${titleHeight})">${key.inner}</g>`,
    `<g transform="translate(0,${titleHeight + key.height})">${body.inner}</g>`,
    "</svg>",
  ].join("");
}

/**
 * Options that mark a Plot mark's elements as belonging to a series (the page fades the others) and give each of its
 * elements the text that appears when pointed at. `tips` is parallel to the mark's data.
 */
export function marked(series: string, tips?: readonly string[]): { render: Plot.RenderFunction } {
  const render = (
    index: number[],
    scales: unknown,
    values: unknown,
    dimensions: unknown,
    context: unknown,
    next: (...all: unknown[]) => unknown,
  ) => {
    const group = next(index, scales, values, dimensions, context) as Element | null;
    if (group === null) return null;
    group.setAttribute("data-series", series);
    if (tips !== undefined)
      [...group.children].forEach((child, k) => child.setAttribute("data-tip", tips[index[k]!]!));
    return group;
  };
  return { render: render as unknown as Plot.RenderFunction };
}

/**
 * Options that cut a Plot mark at the frame. Plot's own way needs a clip path with a number that counts the figures drawn
 * so far; an SVG inside the SVG cuts by itself, and the same drawing gives the same bytes.
 */
export function clipped(): { render: Plot.RenderFunction } {
  const render = (
    index: number[],
    scales: unknown,
    values: unknown,
    dimensions: Readonly<Record<"width" | "height" | `margin${"Top" | "Left" | "Right" | "Bottom"}`, number>>,
    context: unknown,
    next: (...all: unknown[]) => unknown,
  ) => {
    const group = next(index, scales, values, dimensions, context) as Element | null;
    if (group === null) return null;
    const { width, height, marginTop, marginLeft, marginRight, marginBottom } = dimensions;
    const box = [marginLeft, marginTop, width - marginLeft - marginRight, height - marginTop - marginBottom];
    const frame = group.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "svg");
    ["x", "y", "width", "height"].forEach((name, i) => frame.setAttribute(name, String(box[i]!)));
    frame.setAttribute("viewBox", box.map((side) => Number(side.toFixed(3))).join(" "));
    frame.append(group);
    return frame;
  };
  return { render: render as unknown as Plot.RenderFunction };
}

const numeric = [
  "d",
  "transform",
  "x",
  "y",
  "x1",
  "y1",
  "x2",
  "y2",
  "cx",
  "cy",
  "r",
  "points",
  "width",
  "height",
];

/** Cuts coordinates to three decimals; on paper, turns tips into SVG titles, which viewers show by themselves. */
function tidy(element: Element, canvas: Canvas): void {
  for (const name of numeric) {
    const value = element.getAttribute(name);
    if (value !== null)
      element.setAttribute(
        name,
        value.replace(/-?\d+\.\d{4,}(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(3)))),
      );
  }
  const tip = element.getAttribute("data-tip");
  if (canvas.ink === "page") return;
  element.removeAttribute("data-tip");
  element.removeAttribute("data-series");
  if (tip === null) return;
  const title = element.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = tip;
  element.append(title);
}

/** Outlines of the shapes around (0, 0), about 9 pixels across. */
const outlines: Readonly<Record<Shape, string>> = {
  circle: '<circle r="4.5"/>',
  square2: '<rect x="-4" y="-4" width="8" height="8"/>',
  diamond2: '<path d="M0,-5.5L5.5,0L0,5.5L-5.5,0Z"/>',
  triangle2: '<path d="M0,-5L5,4L-5,4Z"/>',
};

/** One row of keys, or more where they do not fit. */
function legend(entries: readonly SeriesStyle[], width: number, ink: Ink): { height: number; inner: string } {
  if (entries.length === 0) return { height: 0, inner: "" };
  let x = 8;
  let row = 0;
  const inner = entries.map((entry) => {
    // Text cannot be measured outside a browser: 6.6 pixels a character is wide for this font at this size.
    const needed = 36 + entry.label.length * 6.6 + 14;
    if (x > 8 && x + needed > width) {
      x = 8;
      row++;
    }
    const dash = entry.dash === undefined ? "" : ` stroke-dasharray="${entry.dash}"`;
    const color = ink[entry.color];
    const inside =
      entry.hollow === true
        ? ` fill="${ink.background}" stroke="${color}" stroke-width="1.5"`
        : ` fill="${color}"`;
    const line =
      entry.unlined === true ? "" : `<path d="M0,0H28" stroke="${color}" stroke-width="2"${dash}/>`;
    const key = [
      `<g transform="translate(${x.toFixed(1)},${14 + 20 * row})" data-key="${entry.key}" text-anchor="start">`,
      line,
      `<g transform="translate(14,0)"${inside}>${outlines[entry.shape]}</g>`,
      `<text x="36" dy="0.32em">${escapeMarkup(entry.label)}</text></g>`,
    ].join("");
    x += needed;
    return key;
  });
  return { height: 20 * (row + 1) + 8, inner: inner.join("") };
}

/** Breaks text into lines of at most `most` characters, between words. */
export function wrap(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
