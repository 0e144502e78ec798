import * as Plot from "@observablehq/plot";
import { clipped, drawPanels, marked, type Panel, type Surroundings, widthOf } from "../../figure/draw.ts";
import type { Canvas } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { resample } from "./resample.ts";

/** One contour map: values on a regular grid, cut into bands of colour. */
export interface SurfaceMap {
  readonly title: string;
  /** [y][x]; null where there is no number: drawn as the worst. */
  readonly values: readonly (readonly (number | null)[])[];
  /** Rising limits between the bands, in the unit of the values. */
  readonly levels: readonly number[];
  readonly tick: (level: number) => string;
  /** What is bad: large values (loss) or small ones (accuracy). */
  readonly bad: "large" | "small";
}

/** A point on the maps. */
export interface SurfacePoint {
  readonly x: number;
  readonly y: number;
  readonly label: string;
  readonly tip: string;
}

/** Where the maps lie. */
export interface SurfaceGrid {
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** What is written below: both axes are of one scale. */
  readonly axis: string;
}

/**
 * Draws contour maps side by side (one below the other when narrow), both axes to the same scale. Colours are viridis',
 * dark where the network is good, the same on light and dark pages; every band's limits stand in the key below its map.
 */
export function drawSurfaces(
  canvas: Canvas,
  grid: SurfaceGrid,
  maps: readonly SurfaceMap[],
  points: readonly SurfacePoint[],
  around: Omit<Surroundings, "legend">,
): string {
  const wide = canvas.width === "wide";
  const width = widthOf(canvas) / (wide ? maps.length : 1);
  const plots = maps.map((map) => panelOf(canvas, grid, map, points, width));
  const height = plots[0]!.height;
  const placed = plots.flatMap(({ plot, key }, i): Panel[] => {
    const x = wide ? i * width : 0;
    const y = wide ? 0 : i * (height + keyHeight + 8);
    return [
      { x, y, width, options: plot },
      { x, y: y + height, width, options: key },
    ];
  });
  return drawPanels(canvas, placed, { ...around, legend: [] });
}

const keyHeight = 36;

function panelOf(
  canvas: Canvas,
  { x, y, axis }: SurfaceGrid,
  map: SurfaceMap,
  points: readonly SurfacePoint[],
  width: number,
): { plot: Plot.PlotOptions; key: Plot.PlotOptions; height: number } {
  const ink = inkOf(canvas);
  const spanX: [number, number] = [x[0]!, x.at(-1)!];
  const spanY: [number, number] = [y[0]!, y.at(-1)!];
  const margins = { left: 46, right: 14, top: 34, bottom: 42 };
  // The map is as wide as there is room, and no higher than wide readers' screens like.
  const ratio = (spanY[1] - spanY[0]) / (spanX[1] - spanX[0]);
  const room = width - margins.left - margins.right;
  const across = Math.min(room, 380 / ratio);
  const down = across * ratio;
  const height = Math.round(margins.top + down + margins.bottom);
  const { values, levels, bad } = map;
  const finite = values.flat().filter((value) => value !== null);
  const worst = bad === "large" ? Math.max(...finite, ...levels) : Math.min(...finite, ...levels);
  const rising = bad === "large" ? levels : levels.toReversed();
  const colors = viridis(rising.length + 1);
  // The whole map is painted in the best band's colour; each level paints over what is worse than it.
  const sign = bad === "large" ? 1 : -1;
  const fine = Math.max(1, Math.round(120 / (x.length - 1)));
  const smooth = resample(
    values.map((row) => row.map((value) => sign * (value ?? worst + sign))),
    fine,
  );
  // Contours take samples for the middles of pixels, and one ring lies around.
  const [stepX, stepY] = [stepOf(x) / fine, stepOf(y) / fine];
  const geometry = {
    width: smooth.width,
    height: smooth.height,
    x1: spanX[0] - 1.5 * stepX,
    x2: spanX[1] + 1.5 * stepX,
    y1: spanY[0] - 1.5 * stepY,
    y2: spanY[1] + 1.5 * stepY,
  };
  const below = crowded(points, {
    x: across / (spanX[1] - spanX[0]),
    y: (height - margins.top - margins.bottom) / (spanY[1] - spanY[0]),
  });
  const above = points.filter((point) => !below.includes(point));
  const labels = (
    [
      [above, -13],
      [below, 14],
    ] as const
  ).filter(([members]) => members.length > 0);
  const plot: Plot.PlotOptions = {
    height,
    marginTop: margins.top,
    marginLeft: margins.left,
    marginRight: width - margins.left - across,
    marginBottom: margins.bottom,
    x: {
      domain: spanX,
      label: axis,
      labelArrow: "none",
      labelAnchor: "center",
      labelOffset: 36,
      ticks: 5,
      tickSize: 3,
    },
    y: { domain: spanY, label: null, ticks: 5, tickSize: 3 },
    marks: [
      Plot.rect([0], { x1: spanX[0], x2: spanX[1], y1: spanY[0], y2: spanY[1], fill: colors[0]! }),
      Plot.contour(smooth.values, {
        ...geometry,
        fill: (value: number) => value,
        thresholds: rising.map((level) => sign * level),
        smooth: true,
        stroke: "#ffffff",
        strokeOpacity: 0.35,
        strokeWidth: 0.6,
        ...clipped(),
      }),
      Plot.text([map.title], {
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: -8,
        dx: -2,
        fontWeight: 600,
        fill: ink.text,
      }),
      Plot.dot(points, {
        x: "x",
        y: "y",
        r: 5,
        fill: "#ffffff",
        stroke: "#1b1e23",
        strokeWidth: 1.5,
        ...marked(
          "models",
          points.map(({ tip }) => tip),
        ),
      }),
      ...labels.map(([members, dy]) =>
        Plot.text(members, {
          x: "x",
          y: "y",
          text: "label",
          dy,
          fill: "#ffffff",
          stroke: "#1b1e23",
          strokeWidth: 3,
          fontWeight: 600,
          pointerEvents: "none",
        }),
      ),
    ],
    color: {
      type: "threshold",
      domain: rising.map((level) => sign * level).slice(1),
      range: colors.slice(1),
    },
  };
  return { plot, key: keyOf(canvas, map, colors, width, margins.left, across), height };
}

/** Points whose label would lie on that of one before: theirs goes below. `scale`: pixels per unit. */
function crowded<P extends { readonly x: number; readonly y: number; readonly label: string }>(
  points: readonly P[],
  scale: { readonly x: number; readonly y: number },
): P[] {
  const below: P[] = [];
  points.forEach((point, i) => {
    const clash = points.slice(0, i).some((other) => {
      // Half of both labels, at some 7 pixels a letter; a line is 14 pixels high.
      const reach = 3.6 * (point.label.length + other.label.length);
      return (
        !below.includes(other) &&
        Math.abs(other.x - point.x) * scale.x < reach &&
        Math.abs(other.y - point.y) * scale.y < 14
      );
    });
    if (clash) below.push(point);
  });
  return below;
}

/** The key of a map: its bands from the best to the worst, with the limits between them. */
function keyOf(
  canvas: Canvas,
  { levels, tick, bad }: SurfaceMap,
  colors: readonly string[],
  width: number,
  left: number,
  across: number,
): Plot.PlotOptions {
  const ink = inkOf(canvas);
  const rising = bad === "large" ? levels : levels.toReversed();
  return {
    height: keyHeight,
    marginTop: 2,
    marginBottom: 20,
    marginLeft: left,
    marginRight: width - left - across,
    x: { type: "linear", domain: [0, colors.length], axis: null },
    y: { domain: [0, 1], axis: null },
    color: { type: "identity" },
    marks: [
      Plot.rect(colors, {
        x1: (_, i) => i,
        x2: (_, i) => i + 1,
        y1: 0,
        y2: 1,
        fill: (color: string) => color,
      }),
      Plot.text(rising, {
        x: (_, i) => i + 1,
        y: 0,
        text: tick,
        dy: 10,
        fontSize: across < 300 ? 10 : 11,
        fill: ink.muted,
      }),
    ],
  };
}

/** Colours of viridis, evenly spaced, from dark to bright. */
export function viridis(count: number): string[] {
  const scale = Plot.scale({ color: { type: "sequential", scheme: "viridis", domain: [0, 1] } });
  return Array.from({ length: count }, (_, i) =>
    hex(scale.apply(0.05 + (0.92 * i) / Math.max(1, count - 1)) as string),
  );
}

/** "rgb(1, 2, 3)" as "#010203". */
function hex(color: string): string {
  const parts = color.match(/\d+/g);
  if (color.startsWith("#") || parts === null) return color;
  return `#${parts
    .slice(0, 3)
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("")}`;
}

/** The distance between evenly spaced positions. */
function stepOf(at: readonly number[]): number {
  return (at.at(-1)! - at[0]!) / (at.length - 1);
}
