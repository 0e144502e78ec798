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
import { moduleLabels } from "./module-axis.ts";

/** What one series has at one module. */
export interface DepthValue {
  /** Index of the module. */
  readonly module: number;
  /** Drawn large, with its interval; null: off the axis, see `off`. */
  readonly value: Ranged | null;
  /** A value that no axis holds: a sign at its upper or lower end. */
  readonly off?: { readonly end: "top" | "bottom"; readonly sign: string };
  readonly tip: string;
  /** Drawn small: single networks. */
  readonly singles: readonly { readonly value: number; readonly tip: string }[];
}

export interface DepthSeries {
  readonly style: SeriesStyle;
  /** Whether neighbouring modules are joined by a line. */
  readonly joined: boolean;
  readonly values: readonly DepthValue[];
}

/** One plot: a quantity, module by module. */
export interface DepthPanel {
  readonly title: string;
  readonly tick: (value: number, index?: number, all?: readonly number[]) => string;
  /** Where ticks stand; chosen by Plot if absent. */
  readonly ticks?: (domain: readonly [number, number]) => readonly number[];
  readonly zero: boolean;
  /** The least span of the axis, in its units. */
  readonly least: number;
  /** Lines across, with their words at the right. */
  readonly references?: readonly { readonly value: number; readonly label: string }[];
  readonly series: readonly DepthSeries[];
}

/** Draws quantities from input to output: modules across in order of depth, one plot below the other. */
export function drawDepths(
  canvas: Canvas,
  modules: readonly string[],
  panels: readonly DepthPanel[],
  around: Omit<Surroundings, "legend">,
): string {
  const wide = canvas.width === "wide";
  const width = widthOf(canvas);
  const step = (width - left - right) / modules.length;
  // Names lie where they fit, else lean, else stand; the longest lose their middle.
  const names = moduleLabels(modules, wide ? 22 : 16);
  const longest = Math.max(...names.map((name) => name.length));
  const turn = longest * 6.4 < step ? 0 : step >= 18 && longest * 4.3 <= left + step / 2 + 4 ? -45 : -90;
  const foot = turn === 0 ? 26 : Math.round(16 + longest * (turn === -45 ? 4.6 : 6.2));
  const [top, plot] = [28, wide ? 190 : 170];
  const placed = panels.map((panel, i): Panel => {
    const last = i === panels.length - 1;
    const height = top + plot + (last ? foot : 12);
    return {
      x: 0,
      y: i * (top + plot + 14),
      width,
      options: panelOptions(canvas, names, panel, { height, top, foot: last ? foot : 12, turn, step, last }),
    };
  });
  const styles = panels.flatMap(({ series }) => series.map(({ style }) => style));
  const legend = styles.filter((style, i) => styles.findIndex(({ key }) => key === style.key) === i);
  return drawPanels(canvas, placed, { ...around, legend: legend.length > 1 ? legend : [] });
}

const left = 50;
const right = 16;

interface Layout {
  readonly height: number;
  readonly top: number;
  readonly foot: number;
  readonly turn: number;
  readonly step: number;
  readonly last: boolean;
}

function panelOptions(
  canvas: Canvas,
  names: readonly string[],
  panel: DepthPanel,
  { height, top, foot, turn, step, last }: Layout,
): Plot.PlotOptions {
  const ink = inkOf(canvas);
  const { inner, domain } = frameOf(panel);
  const values = panel.series.flatMap((one) => one.values);
  const ticks = panel.ticks?.(inner);
  const shown = ticks === undefined ? { ticks: 5 } : { ticks: ticks.slice() };
  // Every second name where they would lie on each other.
  const every = Math.max(1, Math.ceil(12 / step));
  const grid = ticks === undefined ? { ticks: 5 } : { ticks: [...ticks] };
  return {
    height,
    marginTop: top,
    marginLeft: left,
    marginRight: right,
    marginBottom: foot,
    x: { type: "linear", domain: [-0.5, names.length - 0.5], axis: null },
    y: { type: "linear", domain, ...shown, tickSize: 0, tickFormat: panel.tick, label: null },
    marks: [
      Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ...grid }),
      Plot.ruleX(
        names.map((_, i) => i),
        { stroke: ink.faint, strokeOpacity: 0.6 },
      ),
      Plot.frame({ stroke: ink.faint }),
      ...(panel.zero ? [Plot.ruleY([0], { stroke: ink.muted })] : []),
      Plot.text([panel.title], {
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: -8,
        dx: -left + 8,
        fontWeight: 600,
        fill: ink.text,
      }),
      ...(panel.references ?? []).flatMap(({ value, label }) => [
        Plot.ruleY([value], { stroke: ink.muted, strokeDasharray: "4,4" }),
        Plot.text([label], {
          y: () => value,
          frameAnchor: "right",
          textAnchor: "end",
          dx: -4,
          dy: -7,
          fontSize: 10.5,
          fill: ink.muted,
          stroke: ink.background,
          strokeWidth: 3,
        }),
      ]),
      ...panel.series.flatMap((series, k) =>
        seriesMarks(canvas, series, (k - (panel.series.length - 1) / 2) * Math.min(11, step / 4), {
          inner,
          domain,
          radius: Math.min(4.2, step / 4),
        }),
      ),
      ...(last
        ? [
            Plot.axisX(
              names.flatMap((_, i) => (i % every === 0 ? [i] : [])),
              {
                tickFormat: (i: number) => names[i]!,
                tickSize: 0,
                tickPadding: 6,
                tickRotate: turn,
                label: null,
                fontSize: step < 15 ? 9.5 : 11,
              },
            ),
          ]
        : []),
      ...(values.length === 0
        ? [Plot.text(["not looked at"], { frameAnchor: "middle", fill: ink.muted })]
        : []),
    ],
  };
}

function seriesMarks(
  canvas: Canvas,
  { style, joined, values }: DepthSeries,
  dx: number,
  { inner, domain, radius }: ReturnType<typeof frameOf> & { readonly radius: number },
): Plot.Markish[] {
  const ink = inkOf(canvas);
  const color = ink[style.color];
  const cut = (value: number) => Math.min(inner[1], Math.max(inner[0], value));
  const means = values.filter(({ value }) => value !== null);
  const bars = means.filter(({ value }) => value!.low !== null && value!.high !== null);
  const singles = values.flatMap(({ module, singles: all }) => all.map((one) => ({ ...one, module })));
  const off = values.filter((one) => one.value === null && one.off !== undefined);
  const ordered = values.toSorted((a, b) => a.module - b.module);
  // A line ends where a module has no number, and begins anew after it.
  const pieces = ordered.map((one, i) => ({
    ...one,
    piece: ordered.slice(0, i).filter(({ value }) => value === null).length,
  }));
  const dash = style.dash === undefined ? {} : { strokeDasharray: style.dash };
  return [
    ...(joined
      ? [
          Plot.line(
            pieces.filter(({ value }) => value !== null),
            {
              x: "module",
              y: ({ value }: DepthValue) => cut(value!.value),
              z: "piece",
              dx,
              stroke: color,
              strokeWidth: 1.6,
              strokeOpacity: 0.75,
              ...dash,
              ...marked(style.key),
            },
          ),
        ]
      : []),
    Plot.dot(singles, {
      x: "module",
      y: ({ value }: { value: number }) => cut(value),
      dx,
      r: 2.3,
      fill: color,
      fillOpacity: 0.45,
      ...marked(
        style.key,
        singles.map(({ tip }) => tip),
      ),
    }),
    Plot.ruleX(bars, {
      x: "module",
      y1: ({ value }: DepthValue) => cut(value!.low!),
      y2: ({ value }: DepthValue) => cut(value!.high!),
      dx,
      stroke: color,
      strokeWidth: 2,
      strokeLinecap: "round",
      ...marked(style.key),
    }),
    Plot.dot(means, {
      x: "module",
      y: ({ value }: DepthValue) => cut(value!.value),
      dx,
      r: radius,
      symbol: style.shape,
      fill: ({ value }: DepthValue) => (value!.low === null ? ink.background : color),
      stroke: color,
      strokeWidth: 1.5,
      ...marked(
        style.key,
        means.map(({ tip }) => tip),
      ),
    }),
    Plot.text(off, {
      x: "module",
      y: ({ off: where }: DepthValue) =>
        where!.end === "top" ? (inner[1] + domain[1]) / 2 : (inner[0] + domain[0]) / 2,
      text: ({ off: where }: DepthValue) => where!.sign,
      dx,
      fontSize: 14,
      fontWeight: 700,
      fill: color,
      stroke: ink.background,
      strokeWidth: 3,
      ...marked(
        style.key,
        off.map(({ tip }) => tip),
      ),
    }),
  ];
}

/** The span of numbers, and that of the axis, which has room for signs of what is beyond. */
function frameOf({ series, zero, least, references = [] }: DepthPanel): {
  readonly inner: [number, number];
  readonly domain: [number, number];
} {
  const values = series.flatMap((one) => one.values);
  const core = [
    ...values.flatMap(({ value, singles }) => [
      ...(value === null ? [] : [value.value]),
      ...singles.map((one) => one.value),
    ]),
    ...references.map(({ value }) => value),
    ...(zero ? [0] : []),
  ];
  if (core.length === 0) core.push(0);
  const [low, high] = [Math.min(...core), Math.max(...core)];
  const span = Math.max(high - low, least);
  const ends = values.flatMap(({ value }) => [value?.low ?? low, value?.high ?? high]);
  // An interval is drawn whole up to half the span of the values beyond them, then cut at the frame.
  const bottom = Math.max(low - span / 2, Math.min(low, ...ends)) - (zero && low >= 0 ? 0 : 0.05 * span);
  const top = Math.min(high + span / 2, Math.max(high, low + span, ...ends)) + 0.06 * span;
  const inner: [number, number] = [
    zero && low >= 0 ? Math.min(0, Math.max(bottom, -0.03 * span)) : bottom,
    top,
  ];
  const spare = 0.13 * (inner[1] - inner[0]);
  const has = (end: "top" | "bottom") =>
    values.some(({ value, off }) => value === null && off?.end === end) ? spare : 0;
  return { inner, domain: [inner[0] - has("bottom"), inner[1] + has("top")] };
}
