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
import { decimal } from "../../figure/numbers.ts";
import { mean, meanInterval } from "../../tensor/stats.ts";
import type { Barrier, Curve, Interval, Path, Split } from "../results.ts";
import { piecesWithin } from "./cut.ts";
import { hundredthsRange, nats } from "./names.ts";

/** One path on one split. */
export interface CurveLine {
  readonly name: string;
  readonly path: Path;
  readonly split: Split;
}

/**
 * Lines that look the same. One line is drawn with its interval over images; several thin, with their mean and its interval
 * over lines, or without one where they are not of a kind.
 */
export interface CurveSeries {
  readonly style: SeriesStyle;
  readonly lines: readonly CurveLine[];
  /** Whether the height of its barrier is written into the panel; yes if absent. */
  readonly measured?: boolean;
  /** Whether several lines are samples of one thing, so that their mean says something; yes if absent. */
  readonly alike?: boolean;
}

/** One plot: a quantity along paths. */
export interface CurvePanel {
  readonly title: string;
  /** A second, quieter line below the title. */
  readonly detail?: string;
  readonly quantity: "loss" | "accuracy";
  readonly series: readonly CurveSeries[];
}

/** What all panels share. */
export interface CurveFrame {
  /** What is written below the horizontal axis. */
  readonly axis: string;
  /** Panels side by side on a wide canvas; a narrow one has one less. */
  readonly columns: number;
  /** Whether panels of the same quantity have the same vertical axis. */
  readonly sameScale: boolean;
}

/** A point of a drawn curve. */
interface At {
  readonly alpha: number;
  readonly value: Interval | null;
}

/** A curve as it is drawn: one path's, or the mean of several. */
interface Drawn {
  readonly style: SeriesStyle;
  readonly main: readonly At[];
  readonly thin: readonly (readonly At[])[];
  /** Points of thin lines that stand for them where there is no mean: ends and highest point, with their words. */
  readonly notes: readonly { readonly alpha: number; readonly value: number; readonly tip: string }[];
  /** Chord barrier: height in the panel's units, where, and the words for its size. */
  readonly barrier: { readonly height: number; readonly at: number; readonly label: string } | null;
  readonly name: string;
  readonly lines: number;
}

/**
 * Draws loss or accuracy along paths: ends as large marks, the chord between them dotted, and the height of the chord
 * barrier written at its place. Extrapolated parts may leave the frame; positions 0 to 1 never do.
 */
export function drawCurves(
  canvas: Canvas,
  panels: readonly CurvePanel[],
  { axis, columns, sameScale }: CurveFrame,
  around: Omit<Surroundings, "legend">,
): string {
  const wide = canvas.width === "wide";
  const across = Math.min(panels.length, wide ? columns : Math.max(1, columns - 1));
  const width = widthOf(canvas) / across;
  const height = wide ? (across > 2 ? 226 : 268) : across > 1 ? 206 : 236;
  const drawn = panels.map((panel) => panel.series.map((one) => drawnOf(panel, one)));
  const domains = drawn.map((series, i) => frameOf(series, panels[i]!.quantity));
  const placed = panels.map((panel, i): Panel => {
    const alike = domains.filter((_, k) => sameScale && panels[k]!.quantity === panel.quantity);
    const domain: [number, number] = sameScale
      ? [Math.min(...alike.map(([low]) => low)), Math.max(...alike.map(([, high]) => high))]
      : domains[i]!;
    const lowest = wide
      ? Math.floor(i / across) === Math.floor((panels.length - 1) / across)
      : i === panels.length - 1;
    return {
      x: (i % across) * width,
      y: Math.floor(i / across) * (height - 8),
      width,
      options: panelOptions(canvas, panel, drawn[i]!, domain, {
        height,
        axis: lowest || across !== 2 || !wide ? axis : "",
        narrowPanel: width < 200,
      }),
    };
  });
  const styles = panels.flatMap((panel) => panel.series.map(({ style }) => style));
  const legend = styles.filter((style, i) => styles.findIndex(({ key }) => key === style.key) === i);
  return drawPanels(canvas, placed, { ...around, legend: legend.length > 1 ? legend : [] });
}

function panelOptions(
  canvas: Canvas,
  panel: CurvePanel,
  drawn: readonly Drawn[],
  domain: readonly [number, number],
  { height, axis, narrowPanel }: { height: number; axis: string; narrowPanel: boolean },
): Plot.PlotOptions {
  const ink = inkOf(canvas);
  const [low, high] = domain;
  const all = drawn.flatMap(({ main, thin }) => [main, ...thin].flat().map(({ alpha }) => alpha));
  const span: [number, number] = [Math.min(0, ...all), Math.max(1, ...all)];
  const tick = panel.quantity === "loss" ? lossTick(high - low) : (value: number) => decimal(100 * value, 0);
  return {
    height,
    marginTop: panel.detail === undefined ? 34 : 48,
    marginLeft: narrowPanel ? 36 : 46,
    marginRight: narrowPanel ? 8 : 16,
    marginBottom: axis === "" ? 30 : 44,
    x: {
      domain: span,
      inset: 6,
      ticks: narrowPanel ? 3 : 5,
      tickSize: 3,
      tickFormat: (value: number) => decimal(value, Number.isInteger(value * 10) ? 1 : 2).replace(/\.0$/, ""),
      label: axis === "" ? null : axis,
      labelArrow: "none",
      labelAnchor: "center",
      labelOffset: 36,
    },
    y: {
      domain,
      ticks: 5,
      tickSize: 0,
      tickFormat: tick,
      label: null,
    },
    marks: [
      Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 5 }),
      ...(span[0] < 0 || span[1] > 1 ? [Plot.ruleX([0, 1], { stroke: ink.faint })] : []),
      Plot.frame({ stroke: ink.faint }),
      Plot.text([panel.title], {
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: panel.detail === undefined ? -8 : -22,
        dx: -2,
        fontWeight: 600,
        fill: ink.text,
      }),
      ...(panel.detail === undefined
        ? []
        : [
            Plot.text([panel.detail], {
              frameAnchor: "top-left",
              lineAnchor: "bottom",
              dy: -7,
              dx: -2,
              fontSize: narrowPanel ? 9.5 : 11,
              fill: ink.muted,
            }),
          ]),
      ...drawn.flatMap((one) => curveMarks(canvas, panel, one, domain)),
      ...barrierMarks(canvas, panel, drawn, domain, height - 92),
    ],
  };
}

function lossTick(span: number): (value: number) => string {
  return (value) => decimal(value, span < 0.4 ? 2 : span < 6 ? 1 : 0);
}

function curveMarks(
  canvas: Canvas,
  panel: CurvePanel,
  { style, main, thin, notes, name, lines }: Drawn,
  [low, high]: readonly [number, number],
): Plot.Markish[] {
  const ink = inkOf(canvas);
  const color = ink[style.color];
  const dash = style.dash === undefined ? {} : { strokeDasharray: style.dash };
  const inside = (value: number) => value >= low && value <= high;
  const cut = (value: number) => Math.min(high, Math.max(low, value));
  const rows = (points: readonly At[], z: number) =>
    piecesWithin(
      points.map(({ alpha, value }) => (value === null ? null : { x: alpha, y: value.value })),
      low,
      high,
    ).flatMap((piece, k) => piece.map((point) => ({ ...point, z: `${z}.${k}` })));
  const band = main.filter(({ value }) => value !== null && value.low !== null && inside(value.value));
  const points = main.filter(({ value }) => value !== null && inside(value.value));
  const ends = [0, 1].flatMap((alpha) => points.filter((one) => one.alpha === alpha));
  const chord = ends.map(({ alpha, value }) => ({ x: alpha, y: value!.value }));
  const between = points.filter(({ alpha }) => alpha !== 0 && alpha !== 1);
  const tip = ({ alpha, value }: At) =>
    [
      lines > 1 ? `${name}: mean of ${lines}` : name,
      `${panel.title}, α = ${decimal(alpha, 3).replace(/\.?0+$/, "")}`,
      panel.quantity === "loss" ? `loss: ${nats(value!)} nats` : `accuracy: ${hundredthsRange(value!)} %`,
    ].join("\n");
  const dots = (data: readonly At[], r: number, fill: string) =>
    Plot.dot(data, {
      x: "alpha",
      y: ({ value }: At) => value!.value,
      r,
      symbol: style.shape,
      fill,
      stroke: color,
      strokeWidth: 1.5,
      ...marked(style.key, data.map(tip)),
    });
  return [
    Plot.areaY(band, {
      x: "alpha",
      y1: ({ value }: At) => cut(value!.low!),
      y2: ({ value }: At) => cut(value!.high!),
      fill: color,
      fillOpacity: 0.16,
      ...marked(style.key),
    }),
    Plot.line(
      thin.flatMap((line, k) => rows(line, k)),
      {
        x: "x",
        y: "y",
        z: "z",
        stroke: color,
        strokeWidth: notes.length > 0 ? 1.2 : 0.8,
        strokeOpacity: notes.length > 0 ? 0.8 : 0.6,
        ...dash,
        ...marked(style.key),
      },
    ),
    ...(chord.length === 2
      ? [
          Plot.line(chord, {
            x: "x",
            y: "y",
            stroke: color,
            strokeWidth: 1.2,
            strokeDasharray: "1,3",
            ...marked(style.key),
          }),
        ]
      : []),
    Plot.line(rows(main, 0), {
      x: "x",
      y: "y",
      z: "z",
      stroke: color,
      strokeWidth: 2,
      ...dash,
      ...marked(style.key),
    }),
    Plot.dot(notes, {
      x: "alpha",
      y: "value",
      r: ({ alpha }: (typeof notes)[number]) => (alpha === 0 || alpha === 1 ? 4 : 3),
      symbol: style.shape,
      fill: style.dash === undefined ? color : ink.background,
      stroke: color,
      strokeWidth: 1.2,
      ...marked(
        style.key,
        notes.map(({ tip }) => tip),
      ),
    }),
    dots(between, main.length > 31 ? 1.4 : 2.2, color),
    dots(ends, 5, style.dash === undefined ? color : ink.background),
  ];
}

/** Brackets from the chord to the curve with the barrier's height, highest first; words that would collide are moved apart. */
function barrierMarks(
  canvas: Canvas,
  panel: CurvePanel,
  drawn: readonly Drawn[],
  [low, high]: readonly [number, number],
  pixels: number,
): Plot.Markish[] {
  const ink = inkOf(canvas);
  const sign = panel.quantity === "loss" ? 1 : -1;
  const perUnit = pixels / (high - low);
  const taken: number[] = [];
  return drawn
    .flatMap(({ style, main, barrier }) => {
      if (barrier === null) return [];
      const top = main.find(({ alpha }) => Math.abs(alpha - barrier.at) < 1e-9)?.value?.value;
      // Below a few pixels there is nothing to point at.
      if (top === undefined || barrier.height * perUnit < 9 || top < low || top > high) return [];
      return [{ style, top, foot: top - sign * barrier.height, ...barrier }];
    })
    .toSorted((a, b) => sign * (b.top - a.top))
    .flatMap(({ style, top, foot, at, label }) => {
      // Pixels beyond the curve's turning point; past words already there.
      let y = top * perUnit + sign * 11;
      while (taken.some((other) => Math.abs(other - y) < 13)) y -= sign * 13;
      taken.push(y);
      const color = ink[style.color];
      return [
        Plot.ruleX([{ at, top, foot }], {
          x: "at",
          y1: "foot",
          y2: "top",
          stroke: color,
          strokeWidth: 1.2,
          ...marked(style.key),
        }),
        Plot.text([{ at, y: y / perUnit, label }], {
          x: "at",
          y: "y",
          text: "label",
          fill: color,
          stroke: ink.background,
          strokeWidth: 3,
          fontSize: 11,
          fontWeight: 600,
          ...marked(style.key),
        }),
      ];
    });
}

function curveOf({ path, split }: CurveLine): Curve | undefined {
  return path.curves.find((one) => one.split === split);
}

/** The chord barrier of a path on a split; in accuracy, of its error. */
export function chordBarrier(path: Path, split: Split, quantity: "loss" | "accuracy"): Barrier | undefined {
  const wanted = quantity === "loss" ? "loss" : "error";
  return path.barriers.find(
    (one) => one.definition === "chord" && one.split === split && one.quantity === wanted,
  );
}

function drawnOf(
  { quantity }: CurvePanel,
  { style, lines, measured = true, alike = true }: CurveSeries,
): Drawn {
  const all = lines.flatMap((line) => {
    const curve = curveOf(line);
    return curve === undefined
      ? []
      : [line.path.at.map((alpha, i): At => ({ alpha, value: curve[quantity][i] ?? null }))];
  });
  const heights = lines.flatMap(({ path, split }) => chordBarrier(path, split, quantity) ?? []);
  const units = (height: number) =>
    quantity === "loss" ? decimal(height, 2) : `${decimal(100 * height, height < 0.0995 ? 1 : 0)} points`;
  if (all.length < 2) {
    const [barrier] = heights;
    return {
      style,
      main: all[0] ?? [],
      thin: [],
      notes: [],
      barrier:
        barrier === undefined || !measured
          ? null
          : { height: barrier.height.value, at: barrier.at, label: units(barrier.height.value) },
      name: style.label,
      lines: all.length,
    };
  }
  if (!alike) {
    const notes = lines.flatMap((line) => notesOf(line, quantity, style.label, units));
    return { style, main: [], thin: all, notes, barrier: null, name: style.label, lines: all.length };
  }
  const main = meanOf(all);
  return {
    style,
    main,
    thin: all,
    notes: [],
    barrier: measured ? barrierOfMean(main, quantity, units) : null,
    name: style.label,
    lines: all.length,
  };
}

/** The ends of a line and its highest point over the chord, with words about its barrier. */
function notesOf(
  line: CurveLine,
  quantity: "loss" | "accuracy",
  treatment: string,
  units: (height: number) => string,
): Drawn["notes"] {
  const curve = curveOf(line);
  const barrier = chordBarrier(line.path, line.split, quantity);
  if (curve === undefined) return [];
  const height =
    barrier === undefined
      ? ""
      : `\nover the chord: ${units(barrier.height.value)}${quantity === "loss" ? " nats" : ""}`;
  return [...new Set([0, ...(barrier === undefined ? [] : [barrier.at]), 1])].flatMap((alpha) => {
    const value = curve[quantity][line.path.at.indexOf(alpha)];
    if (value === undefined || value === null) return [];
    const words = quantity === "loss" ? `loss: ${nats(value)} nats` : `accuracy: ${hundredthsRange(value)} %`;
    return [
      {
        alpha,
        value: value.value,
        tip: `${line.name}, ${treatment}\nα = ${decimal(alpha, 3).replace(/\.?0+$/, "")}, ${words}${height}`,
      },
    ];
  });
}

/** The mean of curves at the positions that all have, with Student's interval over curves; missing where one is. */
function meanOf(curves: readonly (readonly At[])[]): At[] {
  return curves[0]!.flatMap(({ alpha }): At[] => {
    const here = curves.map((curve) => curve.find((one) => one.alpha === alpha));
    if (here.some((one) => one === undefined)) return [];
    const values = here.flatMap((one) => one!.value?.value ?? []);
    if (values.length < curves.length) return [{ alpha, value: null }];
    const around = meanInterval(values, 0.95);
    return [{ alpha, value: { value: mean(values), low: around?.low ?? null, high: around?.high ?? null } }];
  });
}

/** The chord barrier of a mean curve: it is at most the mean of the curves' own barriers. */
function barrierOfMean(
  main: readonly At[],
  quantity: "loss" | "accuracy",
  units: (height: number) => string,
): Drawn["barrier"] {
  const at = (alpha: number) => main.find((one) => one.alpha === alpha)?.value?.value;
  const [first, last] = [at(0), at(1)];
  if (first === undefined || last === undefined) return null;
  const sign = quantity === "loss" ? 1 : -1;
  let best = { height: 0, at: 0 };
  for (const { alpha, value } of main) {
    if (alpha < 0 || alpha > 1 || value === null) continue;
    const height = sign * (value.value - ((1 - alpha) * first + alpha * last));
    if (height > best.height) best = { height, at: alpha };
  }
  return { ...best, label: units(best.height) };
}

/** Spans below which differences are not worth a reader's eye: nats, and shares. */
const least = { loss: 0.5, accuracy: 0.1 } as const;

/** The span of a panel: everything between the ends of the paths, and at most as much again of what lies beyond. */
function frameOf(drawn: readonly Drawn[], quantity: "loss" | "accuracy"): [number, number] {
  const points = drawn.flatMap(({ main, thin }) => [main, ...thin].flat());
  const valued = points.filter(({ value }) => value !== null);
  const between = valued.filter(({ alpha }) => alpha >= 0 && alpha <= 1).map(({ value }) => value!.value);
  const core = between.length > 0 ? between : valued.map(({ value }) => value!.value);
  if (core.length === 0) return [0, 1];
  const [low, high] = [Math.min(...core), Math.max(...core)];
  const span = Math.max(high - low, least[quantity]);
  // Marks on the very edge of what is possible stay whole.
  const [floor, most] = [-0.05 * span, quantity === "loss" ? Infinity : 1 + 0.05 * span];
  const beyond = valued.map(({ value }) => value!.value);
  // What is missing of the least span goes to both sides.
  const spare = (span - (high - low)) / 2;
  return [
    Math.max(floor, Math.max(low - span, Math.min(low - spare, ...beyond)) - 0.14 * span),
    Math.min(most, Math.min(high + span, Math.max(high + spare, ...beyond)) + 0.14 * span),
  ];
}
