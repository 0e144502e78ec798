import * as Plot from "@observablehq/plot";
import { drawPlot, marked, widthOf, type SeriesStyle, type Surroundings } from "../figure/draw.ts";
import type { Canvas } from "../figure/figure.ts";
import { inkOf } from "../figure/ink.ts";
import type { Shuffle } from "./config.ts";
import { orderShuffles, shuffleLabel } from "./format.ts";
import type { Estimate } from "./results.ts";

/** One value of a series: a shuffle, its estimate, and the text that tells it. */
export interface ShufflePoint {
  readonly shuffle: Shuffle;
  readonly estimate: Estimate;
  readonly tip: string;
  /** Single runs, drawn small. */
  readonly singles?: readonly number[];
}

/** A series over the shuffles. */
export interface ShuffleSeries {
  readonly style: SeriesStyle;
  readonly points: readonly ShufflePoint[];
}

/** The vertical axis, in the units of the estimates. */
export interface ValueAxis {
  readonly label: string;
  readonly type?: "linear" | "log";
  readonly tick: (value: number) => string;
  /** A level to compare with, named at its right end. */
  readonly reference?: { readonly value: number; readonly label: string };
  /** Hard limits of what is possible. */
  readonly bounds?: readonly [number, number];
}

/**
 * Draws estimates with their intervals against the shuffles, mildest left, series side by side. An interval that is far
 * wider than the values' own spread is cut at the frame: it would press everything else into a line.
 */
export function drawByShuffle(
  canvas: Canvas,
  shuffles: readonly Shuffle[],
  series: readonly ShuffleSeries[],
  axis: ValueAxis,
  around: Omit<Surroundings, "legend">,
): string {
  const ink = inkOf(canvas);
  const wide = canvas.width === "wide";
  const domain = frameOf(series, axis);
  const cut = (value: number) => Math.min(domain[1], Math.max(domain[0], value));
  const step = wide ? 16 : 9;
  const marks = series.flatMap(({ style, points }, k) => {
    const dx = (k - (series.length - 1) / 2) * step;
    const color = ink[style.color];
    const x = (point: { shuffle: Shuffle }) => shuffleLabel(point.shuffle);
    const bars = points.filter(({ estimate }) => estimate.low !== null);
    const singles = points.flatMap(({ shuffle, singles: values = [] }) =>
      values.map((value) => ({ shuffle, value })),
    );
    return [
      Plot.line(points, {
        x,
        y: (point: ShufflePoint) => cut(point.estimate.value),
        dx,
        stroke: color,
        strokeWidth: 1.5,
        strokeOpacity: 0.55,
        ...(style.dash === undefined ? {} : { strokeDasharray: style.dash }),
        ...marked(style.key),
      }),
      Plot.dot(singles, { x, y: "value", dx, r: 1.8, fill: color, fillOpacity: 0.55, ...marked(style.key) }),
      Plot.ruleX(bars, {
        x,
        y1: (point: ShufflePoint) => cut(point.estimate.low!),
        y2: (point: ShufflePoint) => cut(point.estimate.high!),
        dx,
        stroke: color,
        strokeWidth: 2,
        strokeLinecap: "round",
        ...marked(style.key),
      }),
      Plot.dot(points, {
        x,
        y: (point: ShufflePoint) => cut(point.estimate.value),
        dx,
        r: 5,
        symbol: style.shape,
        fill: (point: ShufflePoint) => (point.estimate.low === null ? ink.background : color),
        stroke: color,
        strokeWidth: 1.5,
        ...marked(
          style.key,
          points.map((point) => point.tip),
        ),
      }),
    ];
  });
  const { reference } = axis;
  const labels = orderShuffles(shuffles).map(shuffleLabel);
  // About 7 pixels a character, and a gap: labels that do not fit side by side are slanted.
  const slanted =
    labels.length * (7 * Math.max(...labels.map((label) => label.length)) + 4) > widthOf(canvas) - 68;
  return drawPlot(
    canvas,
    {
      height: (wide ? 340 : 300) + (slanted ? 26 : 0),
      marginTop: 28,
      marginLeft: 52,
      marginRight: 16,
      marginBottom: slanted ? 70 : 44,
      x: {
        type: "point",
        domain: labels,
        padding: 0.5,
        label: "size of the shuffled blocks (pixels)",
        labelArrow: "none",
        labelAnchor: "center",
        labelOffset: slanted ? 66 : 40,
        ...(slanted ? { tickRotate: -45 } : {}),
        tickSize: 0,
      },
      y: {
        type: axis.type ?? "linear",
        domain,
        label: axis.label,
        tickFormat: axis.tick,
        ticks: 6,
        tickSize: 0,
        nice: axis.type !== "log",
      },
      color: { type: "identity" },
      marks: [
        Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 6 }),
        ...(reference === undefined
          ? []
          : [
              Plot.ruleY([reference.value], { stroke: ink.muted, strokeDasharray: "2,3" }),
              Plot.text([reference], {
                y: "value",
                text: "label",
                frameAnchor: "left",
                textAnchor: "start",
                dx: 2,
                dy: -7,
                fill: ink.muted,
                // A halo, for where an interval crosses the words.
                stroke: ink.background,
                strokeWidth: 3,
                fontSize: 11,
              }),
            ]),
        ...marks,
      ],
    },
    { ...around, legend: series.length > 1 ? series.map(({ style }) => style) : [] },
  );
}

/** The span of the axis: all values and the reference, and intervals up to one such span beyond them. */
function frameOf(series: readonly ShuffleSeries[], axis: ValueAxis): [number, number] {
  const log = axis.type === "log";
  const forward = (value: number) => (log ? Math.log(value) : value);
  const back = (value: number) => (log ? Math.exp(value) : value);
  const points = series.flatMap((one) => one.points);
  const values = points.flatMap(({ estimate, singles = [] }) => [estimate.value, ...singles]);
  if (axis.reference !== undefined) values.push(axis.reference.value);
  const inner = values.map(forward);
  const low = Math.min(...inner);
  const high = Math.max(...inner);
  const span = Math.max(high - low, log ? Math.log(2) : 0.05);
  const ends = points.flatMap(({ estimate }) =>
    estimate.low === null ? [] : [forward(estimate.low), forward(estimate.high!)],
  );
  const from = Math.max(low - span, Math.min(low - 0.05 * span, ...ends));
  const to = Math.min(high + span, Math.max(high + 0.05 * span, ...ends));
  const [least, most] = axis.bounds ?? [-Infinity, Infinity];
  return [Math.max(least, back(from)), Math.min(most, back(to))];
}
