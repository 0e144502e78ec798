import * as Plot from "@observablehq/plot";
import {
  drawPanels,
  marked,
  type Panel,
  type SeriesStyle,
  type Surroundings,
  widthOf,
} from "../../figure/draw.ts";
import type { Canvas } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import type { Ranged } from "../../figure/numbers.ts";

/** A row of a dot plot: what it is, and what distinguishes it. */
export interface DotRow {
  readonly label: string;
  readonly detail: string;
}

/** What one series has in one row. */
export interface DotValue {
  readonly row: number;
  /** A number with its interval, drawn large; null where only single values are shown. */
  readonly value: Ranged | null;
  readonly tip: string;
  /** Drawn small. */
  readonly singles: readonly { readonly value: number; readonly tip: string }[];
}

export interface DotSeries {
  readonly style: SeriesStyle;
  readonly values: readonly DotValue[];
}

/** One plot beside the others: a quantity, all rows. */
export interface DotPanel {
  readonly title: string;
  /** The label of a tick, which may depend on all of them: for digits enough to tell them apart. */
  readonly tick: (value: number, index?: number, all?: readonly number[]) => string;
  /** Whether the axis begins at zero, with a line there. */
  readonly zero: boolean;
  readonly series: readonly DotSeries[];
}

/** Draws quantities of some rows as dots with intervals, panels side by side, or one below the other when narrow. */
export function drawDots(
  canvas: Canvas,
  rows: readonly DotRow[],
  panels: readonly DotPanel[],
  around: Omit<Surroundings, "legend">,
): string {
  const wide = canvas.width === "wide";
  const all = widthOf(canvas);
  const longest = Math.max(...rows.flatMap(({ label, detail }) => [label.length * 7, detail.length * 5.7]));
  const names = wide ? Math.min(280, 20 + longest) : 0;
  const each = wide ? (all - names) / panels.length : all;
  const rowHeight = wide ? 46 : 54;
  const height = 34 + rows.length * rowHeight + 34;
  const placed = panels.map((panel, i): Panel => {
    const labelled = !wide || i === 0;
    return {
      x: wide && i > 0 ? names + i * each : 0,
      y: wide ? 0 : i * height,
      width: wide ? (i === 0 ? names + each : each) : all,
      options: panelOptions(canvas, rows, panel, {
        height,
        rowHeight,
        left: i === 0 && wide ? names : 12,
        labelled,
      }),
    };
  });
  const styles = panels.flatMap(({ series }) => series.map(({ style }) => style));
  const legend = styles.filter((style, i) => styles.findIndex(({ key }) => key === style.key) === i);
  return drawPanels(canvas, placed, { ...around, legend: legend.length > 1 ? legend : [] });
}

function panelOptions(
  canvas: Canvas,
  rows: readonly DotRow[],
  panel: DotPanel,
  layout: {
    readonly height: number;
    readonly rowHeight: number;
    readonly left: number;
    readonly labelled: boolean;
  },
): Plot.PlotOptions {
  const ink = inkOf(canvas);
  const wide = canvas.width === "wide";
  const domain = frameOf(panel);
  const cut = (value: number) => Math.min(domain[1], Math.max(domain[0], value));
  // Names stand beside the first panel, or above each row when narrow.
  const shift = wide ? 0 : 10;
  const names = (field: "label" | "detail", dy: number) =>
    Plot.text(rows, {
      y: (_, i) => i,
      text: field,
      frameAnchor: "left",
      textAnchor: wide ? "end" : "start",
      dx: wide ? -12 : 0,
      dy,
      fill: field === "label" ? ink.text : ink.muted,
      fontWeight: field === "label" ? 600 : 400,
      fontSize: field === "label" ? 12 : 11,
      stroke: ink.background,
      strokeWidth: wide ? 0 : 3,
    });
  const besides = ({ label }: DotRow) => 10 + label.length * 6.7;
  return {
    height: layout.height,
    marginTop: 34,
    marginLeft: layout.left,
    marginRight: 18,
    marginBottom: 34,
    x: { domain, inset: 6, ticks: 4, tickSize: 0, tickFormat: panel.tick, label: null },
    y: { type: "band", domain: rows.map((_, i) => i), axis: null, padding: 0 },
    marks: [
      Plot.ruleY(
        rows.slice(1).map((_, i) => i + 1),
        { y: (row: number) => row, dy: -layout.rowHeight / 2, stroke: ink.faint },
      ),
      Plot.gridX({ stroke: ink.faint, strokeOpacity: 1, ticks: 4 }),
      ...(panel.zero ? [Plot.ruleX([0], { stroke: ink.muted })] : []),
      Plot.text([panel.title], {
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: -8,
        fontWeight: 600,
        fill: ink.text,
      }),
      ...(layout.labelled && wide ? [names("label", -8), names("detail", 8)] : []),
      ...(layout.labelled && !wide
        ? [
            names("label", -16),
            // Beside the name, where the line is long enough for both.
            ...rows.map((row, i) =>
              Plot.text([row], {
                y: () => i,
                text: () => row.detail,
                frameAnchor: "left",
                textAnchor: "start",
                dx: besides(row),
                dy: -16,
                fill: ink.muted,
                fontSize: 10.5,
                stroke: ink.background,
                strokeWidth: 3,
              }),
            ),
          ]
        : []),
      ...panel.series.flatMap(({ style, values }, k) => {
        const color = ink[style.color];
        const dy = shift + (k - (panel.series.length - 1) / 2) * (wide ? 15 : 13);
        const means = values.filter(({ value }) => value !== null);
        const bars = means.filter(({ value }) => value!.low !== null);
        const singles = values.flatMap(({ row, singles: each }) => each.map((one) => ({ ...one, row })));
        return [
          Plot.ruleY(bars, {
            y: "row",
            x1: ({ value }: DotValue) => cut(value!.low!),
            x2: ({ value }: DotValue) => cut(value!.high!),
            dy,
            stroke: color,
            strokeWidth: 2,
            strokeLinecap: "round",
            ...marked(style.key),
          }),
          Plot.dot(singles, {
            y: "row",
            x: "value",
            dy,
            r: 2.6,
            fill: color,
            fillOpacity: 0.7,
            stroke: ink.background,
            strokeWidth: 0.7,
            ...marked(
              style.key,
              singles.map(({ tip }) => tip),
            ),
          }),
          Plot.dot(means, {
            y: "row",
            x: ({ value }: DotValue) => value!.value,
            dy,
            r: 5,
            symbol: style.shape,
            fill: ({ value }: DotValue) => (value!.low === null ? ink.background : color),
            stroke: color,
            strokeWidth: 1.5,
            ...marked(
              style.key,
              means.map(({ tip }) => tip),
            ),
          }),
        ];
      }),
    ],
  };
}

/** The span of a panel: all values, and intervals up to half as much again beyond them. */
function frameOf({ series, zero }: DotPanel): [number, number] {
  const values = series.flatMap((one) => one.values);
  const inner = values.flatMap(({ value, singles }) => [
    ...(value === null ? [] : [value.value]),
    ...singles.map((one) => one.value),
  ]);
  if (zero) inner.push(0);
  const ends = values.flatMap(({ value }) =>
    value === null || value.low === null ? [] : [value.low, value.high!],
  );
  const [low, high] = [Math.min(...inner), Math.max(...inner)];
  const span = high - low || Math.max(0.01, 0.05 * Math.abs(high));
  const from = Math.max(low - span / 2, Math.min(low, ...ends));
  return [
    zero && low >= 0 ? 0 : from - 0.06 * span,
    Math.min(high + span / 2, Math.max(high, ...ends)) + 0.03 * span,
  ];
}
