import * as Plot from "@observablehq/plot";
import {
  clipped,
  drawPanels,
  marked,
  type Panel,
  type SeriesStyle,
  type Surroundings,
  widthOf,
} from "../../figure/draw.ts";
import type { Canvas } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { decimal, type Ranged } from "../../figure/numbers.ts";
import { panelGrid, type PanelPlace } from "./panels.ts";

/** A point of a line, at a position of the frame's axis. */
export interface LinePoint {
  readonly x: number;
  readonly value: Ranged;
  readonly tip: string;
}

export interface LineSeries {
  readonly style: SeriesStyle;
  readonly points: readonly LinePoint[];
}

/** One small plot. */
export interface LinePanel {
  readonly title: string;
  readonly series: readonly LineSeries[];
}

/** What all plots share. */
export interface LineFrame {
  readonly domain: readonly [number, number];
  readonly ticks: readonly { readonly x: number; readonly text: string }[];
  /** What is written below all: both axes. */
  readonly axes: readonly string[];
  /** A height marked in every plot; above it is what it names. */
  readonly reference?: number;
}

/** Draws shares in hundredths as lines with intervals, in small plots of one scale. */
export function drawLines(
  canvas: Canvas,
  panels: readonly LinePanel[],
  frame: LineFrame,
  around: Omit<Surroundings, "legend">,
): string {
  const wide = canvas.width === "wide";
  const width = widthOf(canvas);
  const grid = panelGrid(panels.length, width, wide, { ratio: 0.78, left: 40, top: 24, most: 4 });
  const heights = spanOf(panels, frame);
  const placed = panels.map((panel, i): Panel => {
    const place = grid.at(i);
    return {
      x: place.x,
      y: place.y,
      width: place.width,
      options: panelOptions(canvas, panel, frame, heights, place, grid.inner.width),
    };
  });
  const ink = inkOf(canvas);
  const lines = wide ? [frame.axes.join("; ")] : frame.axes;
  const note: Panel = {
    x: 0,
    y: Math.max(...placed.map(({ y, options }) => y + (options.height ?? 0))),
    width,
    options: {
      height: 10 + 15 * lines.length,
      marginTop: 0,
      marginLeft: 40,
      marginRight: 0,
      marginBottom: 0,
      axis: null,
      marks: lines.map((line, i) =>
        Plot.text([line], { frameAnchor: "top-left", dy: 8 + 15 * i, fontSize: 11, fill: ink.muted }),
      ),
    },
  };
  const styles = panels.flatMap(({ series }) => series.map(({ style }) => style));
  const legend = styles.filter((style, i) => styles.findIndex(({ key }) => key === style.key) === i);
  return drawPanels(canvas, [...placed, note], { ...around, legend: legend.length > 1 ? legend : [] });
}

function panelOptions(
  canvas: Canvas,
  { title, series }: LinePanel,
  frame: LineFrame,
  [low, high]: readonly [number, number],
  place: PanelPlace,
  across: number,
): Plot.PlotOptions {
  const ink = inkOf(canvas);
  const small = across < 170;
  return {
    height: place.height,
    ...place.margins,
    x: { type: "linear", domain: [...frame.domain], axis: null, inset: 4 },
    y: { type: "linear", domain: [low, high], axis: null },
    marks: [
      Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 4 }),
      Plot.frame({ stroke: ink.faint }),
      ...(frame.reference === undefined
        ? []
        : [Plot.ruleY([frame.reference], { stroke: ink.muted, strokeDasharray: "3,3" })]),
      Plot.text([title], {
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: -5,
        fontWeight: 600,
        fill: ink.text,
      }),
      ...series.flatMap(({ style, points }) => {
        const color = ink[style.color];
        const dash = style.dash === undefined ? {} : { strokeDasharray: style.dash };
        const bands = points.filter(({ value }) => value.low !== null);
        return [
          Plot.areaY(bands, {
            x: "x",
            y1: ({ value }: LinePoint) => value.low!,
            y2: ({ value }: LinePoint) => value.high!,
            fill: color,
            fillOpacity: 0.13,
            ...clipped(),
          }),
          Plot.line(points, {
            x: "x",
            y: ({ value }: LinePoint) => value.value,
            stroke: color,
            strokeWidth: 1.7,
            ...dash,
            ...marked(style.key),
          }),
          Plot.dot(points, {
            x: "x",
            y: ({ value }: LinePoint) => value.value,
            r: small ? 1.9 : 2.6,
            symbol: style.shape,
            fill: color,
            ...marked(
              style.key,
              points.map(({ tip }) => tip),
            ),
          }),
        ];
      }),
      ...(place.first
        ? [
            Plot.axisY({
              ticks: 4,
              tickSize: 0,
              tickFormat: (value: number) => decimal(100 * value, high - low < 0.05 ? 1 : 0),
              label: null,
              fontSize: 10.5,
            }),
          ]
        : []),
      // The outer labels stay inside their plot, so that those of neighbours do not run together.
      ...(place.lowest
        ? frame.ticks.map(({ x, text }, i) =>
            Plot.axisX([x], {
              tickFormat: () => text,
              tickSize: 3,
              label: null,
              fontSize: 10.5,
              textAnchor: i === 0 ? "start" : i === frame.ticks.length - 1 ? "end" : "middle",
            }),
          )
        : []),
    ],
  };
}

/** One scale for all plots: all values, and at least five points. */
function spanOf(panels: readonly LinePanel[], { reference }: LineFrame): [number, number] {
  const values = panels.flatMap(({ series }) =>
    series.flatMap(({ points }) => points.map(({ value }) => value.value)),
  );
  const all = [...values, ...(reference === undefined ? [] : [reference])];
  if (all.length === 0) return [0, 1];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const span = Math.max(0.05, high - low);
  return [low - 0.06 * span, low + 1.08 * span];
}
