import * as Plot from "@observablehq/plot";
import { clipped, drawPanels, marked, type Panel, type Surroundings, widthOf } from "../../figure/draw.ts";
import type { Canvas } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import type { MapCell } from "../results.ts";
import { type Bands, limitText } from "./bands.ts";
import { alphaText, compact, pointsRange } from "./names.ts";
import { bottomOf, panelGrid, type PanelPlace } from "./panels.ts";

/** One module's map. */
export interface MapPanel {
  readonly title: string;
  /** The module in full, for tips. */
  readonly name: string;
  readonly detail: string;
  readonly alphas: readonly number[];
  /** Rising; 0, where it is among them, has a row of its own at the bottom. */
  readonly ratios: readonly number[];
  readonly cells: readonly MapCell[];
  /** Allowed excess, share: the edge is drawn around places whose mean excess is at most this. */
  readonly epsilon: number;
  /** Where μ is reached. */
  readonly at?: { readonly alpha: number; readonly ratio: number } | undefined;
}

/** A grid place as a rectangle: α across, log10 of the ratio up. */
interface Tile extends Box {
  readonly cell: MapCell;
}

interface Box {
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
}

/**
 * Draws maps as small multiples. Colours are steps of viridis, dark where the network is as good as the final one, the same
 * on light and dark pages and named in the key below; the edge of the allowed region is a white line on a dark one.
 */
export function drawMaps(
  canvas: Canvas,
  maps: readonly MapPanel[],
  bands: Bands,
  around: Omit<Surroundings, "legend">,
): string {
  const wide = canvas.width === "wide";
  const width = widthOf(canvas);
  const grid = panelGrid(maps.length, width, wide, { ratio: 0.86, left: 52, top: 38, most: 4 });
  const panels = maps.map((map, i): Panel => {
    const place = grid.at(i);
    return {
      x: place.x,
      y: place.y,
      width: place.width,
      options: panelOptions(canvas, map, bands, place, grid.inner.width),
    };
  });
  const y = bottomOf(panels);
  return drawPanels(canvas, [...panels, { x: 0, y, width, options: keyOf(canvas, bands, width) }], {
    ...around,
    legend: [],
  });
}

function panelOptions(
  canvas: Canvas,
  map: MapPanel,
  bands: Bands,
  place: PanelPlace,
  across: number,
): Plot.PlotOptions {
  const ink = inkOf(canvas);
  const rows = rowsOf(map.ratios);
  const columns = columnsOf(map.alphas);
  const tiles = map.cells.flatMap((cell): Tile[] => {
    const [x, y] = [map.alphas.indexOf(cell.alpha), map.ratios.indexOf(cell.ratio)];
    return x < 0 || y < 0 ? [] : [{ cell, ...columns[x]!, ...rows[y]! }];
  });
  const seen = map.cells.filter(({ ratio }) => ratio > 0);
  const edge = edgeOf(tiles, map);
  const best = map.at === undefined ? [] : [{ ...map.at, y: heightOf(map.at.ratio, map.ratios, rows) }];
  const open = tiles.filter(({ cell }) => cell.within === "open");
  const ticks = ticksOf(map.ratios, rows);
  return {
    height: place.height,
    ...place.margins,
    x: { domain: [columns[0]!.x1, columns.at(-1)!.x2], axis: null },
    y: { domain: [rows[0]!.y1, rows.at(-1)!.y2], axis: null },
    color: { type: "identity" },
    marks: [
      Plot.rect(tiles, {
        x1: "x1",
        x2: "x2",
        y1: "y1",
        y2: "y2",
        fill: ({ cell }: Tile) => bands.colorOf(cell.excess.value),
        shapeRendering: "crispEdges",
        ...marked(
          "places",
          tiles.map(({ cell }) => tipOf(map.name, cell)),
        ),
      }),
      Plot.dot(open, {
        x: ({ x1, x2 }: Tile) => (x1 + x2) / 2,
        y: ({ y1, y2 }: Tile) => (y1 + y2) / 2,
        r: across < 160 ? 1 : 1.4,
        fill: "#ffffff",
        pointerEvents: "none",
      }),
      ...(["#1b1e23", "#ffffff"] as const).map((stroke, i) =>
        Plot.link(edge, {
          x1: "x1",
          x2: "x2",
          y1: "y1",
          y2: "y2",
          stroke,
          strokeWidth: i === 0 ? 3.6 : 1.6,
          strokeLinecap: "square",
          pointerEvents: "none",
          ...clipped(),
        }),
      ),
      Plot.dot(best, {
        x: "alpha",
        y: "y",
        r: 4.6,
        symbol: "diamond2",
        fill: "#ffffff",
        stroke: "#1b1e23",
        strokeWidth: 1.6,
        ...marked(
          "minimum",
          best.map(({ alpha, ratio }) => `${map.name}\n${map.detail}\nat ${placeText({ alpha, ratio })}`),
        ),
      }),
      ...(seen.length === 0 && tiles.length === 0
        ? [Plot.text(["not looked at"], { frameAnchor: "middle", fill: ink.muted, fontSize: 11 })]
        : []),
      Plot.text([map.title], {
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: -18,
        fontWeight: 600,
        fill: ink.text,
      }),
      Plot.text([map.detail], {
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: -4,
        fontSize: 10.5,
        fill: ink.muted,
      }),
      ...(place.first
        ? [
            Plot.axisY(
              ticks.map(({ y }) => y),
              {
                tickFormat: (y: number) => ticks.find((tick) => tick.y === y)!.text,
                tickSize: 3,
                label: null,
                fontSize: 10.5,
              },
            ),
          ]
        : []),
      ...(place.lowest
        ? [
            Plot.axisX([0, 0.5, 1], {
              tickFormat: (x: number) => alphaText(x),
              tickSize: 3,
              label: null,
              fontSize: 10.5,
            }),
          ]
        : []),
    ],
  };
}

/** "α 0.3, r 0.12". */
function placeText({ alpha, ratio }: { readonly alpha: number; readonly ratio: number }): string {
  return `α ${alphaText(alpha)}, ${ratio === 0 ? "no noise" : `r ${compact(ratio)}`}`;
}

function tipOf(title: string, cell: MapCell): string {
  return `${title}, ${placeText(cell)}\n${pointsRange(cell.excess)} points of error more\n${cell.draws} draws${cell.within === "open" ? "; within ε: open" : ""}`;
}

/** Middles and limits of neighbouring values: halfway between them. */
function cellsAround(values: readonly number[], spare: number): { low: number; high: number }[] {
  return values.map((value, i) => {
    const before = i === 0 ? null : (values[i - 1]! + value) / 2;
    const after = i === values.length - 1 ? null : (value + values[i + 1]!) / 2;
    return {
      low: before ?? value - (after === null ? spare : after - value),
      high: after ?? value + (before === null ? spare : value - before),
    };
  });
}

function columnsOf(alphas: readonly number[]): Pick<Box, "x1" | "x2">[] {
  return cellsAround(alphas, 0.05).map(({ low, high }) => ({ x1: low, x2: high }));
}

/** Rows of ratios on a logarithmic axis; the one without noise lies a small gap below the others. */
function rowsOf(ratios: readonly number[]): Pick<Box, "y1" | "y2">[] {
  const logs = ratios.filter((ratio) => ratio > 0).map(Math.log10);
  const noisy = cellsAround(logs, 0.15).map(({ low, high }) => ({ y1: low, y2: high }));
  if (noisy.length === ratios.length) return noisy;
  const first = noisy[0] ?? { y1: 0, y2: 0.3 };
  const high = first.y2 - first.y1;
  const top = noisy.length === 0 ? 0 : first.y1 - 0.35 * high;
  return [{ y1: top - high, y2: top }, ...noisy];
}

/** Height of any ratio, those between the rows too. */
function heightOf(ratio: number, ratios: readonly number[], rows: readonly Pick<Box, "y1" | "y2">[]): number {
  if (ratio > 0) return Math.log10(ratio);
  const { y1, y2 } = rows[Math.max(0, ratios.indexOf(0))]!;
  return (y1 + y2) / 2;
}

/** "none" for the row without noise, and powers of ten; at least the ends where there are none. */
function ticksOf(
  ratios: readonly number[],
  rows: readonly Pick<Box, "y1" | "y2">[],
): { readonly y: number; readonly text: string }[] {
  const noisy = ratios.filter((ratio) => ratio > 0);
  const [least, most] = [noisy[0] ?? 1, noisy.at(-1) ?? 1];
  const tens = Array.from({ length: 25 }, (_, i) => 10 ** (i - 12)).filter(
    (ten) => ten >= least * 0.999 && ten <= most * 1.001,
  );
  const shown = tens.length >= 2 ? tens : [...new Set(noisy.length === 0 ? [] : [least, most])];
  return [
    ...(ratios.includes(0) ? [{ y: heightOf(0, ratios, rows), text: "none" }] : []),
    ...shown.map((ratio) => ({ y: Math.log10(ratio), text: compact(ratio) })),
  ];
}

/** Sides of tiles between a place whose mean excess is within ε and one whose is not: the edge of the allowed region. */
function edgeOf(tiles: readonly Tile[], { alphas, ratios, epsilon }: MapPanel): Box[] {
  const key = (alpha: number, ratio: number) => `${alpha} ${ratio}`;
  const at = new Map(tiles.map((tile) => [key(tile.cell.alpha, tile.cell.ratio), tile]));
  const within = (tile: Tile) => tile.cell.excess.value <= epsilon;
  return tiles.flatMap((tile): Box[] => {
    const [i, j] = [alphas.indexOf(tile.cell.alpha), ratios.indexOf(tile.cell.ratio)];
    const right = i + 1 < alphas.length ? at.get(key(alphas[i + 1]!, tile.cell.ratio)) : undefined;
    const above = j + 1 < ratios.length ? at.get(key(tile.cell.alpha, ratios[j + 1]!)) : undefined;
    return [
      ...(right !== undefined && within(right) !== within(tile)
        ? [{ x1: tile.x2, x2: tile.x2, y1: tile.y1, y2: tile.y2 }]
        : []),
      ...(above !== undefined && within(above) !== within(tile)
        ? [{ x1: tile.x1, x2: tile.x2, y1: (tile.y2 + above.y1) / 2, y2: (tile.y2 + above.y1) / 2 }]
        : []),
    ];
  });
}

/** What the colours, the line and the marks mean, and what the axes are. */
function keyOf(canvas: Canvas, { limits, colors }: Bands, width: number): Plot.PlotOptions {
  const ink = inkOf(canvas);
  const wide = canvas.width === "wide";
  const lines = wide
    ? [
        "across: α, 0 initial to 1 final weights; up: noise ratio r (logarithmic, times the weights’ RMS)",
        "colour: error above the final network’s (points); white line: edge of what ε allows; ◆ minimum; · open",
      ]
    : [
        "across: α, 0 initial to 1 final weights",
        "up: noise ratio r (logarithmic, times weights’ RMS)",
        "colour: error above the final network’s (points)",
        "white line: edge of what ε allows; ◆ minimum; · open",
      ];
  const top = 14 * lines.length + 12;
  return {
    height: top + 36,
    marginTop: top,
    marginBottom: 22,
    marginLeft: wide ? 52 : 14,
    marginRight: wide ? Math.max(20, width - 52 - 56 * colors.length) : 14,
    x: { type: "linear", domain: [0, colors.length], axis: null },
    y: { domain: [0, 1], axis: null },
    color: { type: "identity" },
    marks: [
      ...lines.map((line, i) =>
        Plot.text([line], {
          frameAnchor: "top-left",
          dy: -top + 8 + 14 * i,
          dx: wide ? 0 : 0,
          fontSize: 11,
          fill: ink.muted,
        }),
      ),
      Plot.rect(colors, {
        x1: (_, i) => i,
        x2: (_, i) => i + 1,
        y1: 0,
        y2: 1,
        fill: (color: string) => color,
      }),
      Plot.text(limits, {
        x: (_, i) => i + 1,
        y: 0,
        text: limitText,
        dy: 10,
        fontSize: 11,
        fill: ink.muted,
      }),
    ],
  };
}
