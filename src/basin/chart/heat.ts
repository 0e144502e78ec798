import * as Plot from "@observablehq/plot";
import { drawPlot, marked, type Surroundings, widthOf } from "../../figure/draw.ts";
import type { Canvas } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";

/** One cell of a heat map. */
export interface HeatCell {
  readonly row: number;
  readonly column: number;
  /** In [0, 1]: how strongly it is coloured. */
  readonly strength: number;
  readonly text: string;
  /** What is written where there is little room. */
  readonly short: string;
  readonly tip: string;
}

/** A table drawn as coloured cells. */
export interface Heat {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly cells: readonly HeatCell[];
  /** Squares around groups of neighbouring rows and columns: first and last index of each. */
  readonly groups?: readonly (readonly [number, number])[];
  /** What the cells say, below the columns. */
  readonly axis: string;
}

/** Draws a heat map with its numbers. Colour only repeats what the numbers say. */
export function drawHeat(canvas: Canvas, heat: Heat, around: Omit<Surroundings, "legend">): string {
  const ink = inkOf(canvas);
  const width = widthOf(canvas);
  const { rows, columns, cells, groups = [] } = heat;
  const longest = Math.max(...rows.map((name) => name.length));
  const left = Math.min(Math.round(width * 0.36), 14 + 7 * longest);
  const slanted = columns.some((name) => name.length * 7 > (width - left - 16) / columns.length);
  const bottom = slanted ? 34 + 5.2 * Math.max(...columns.map((name) => name.length)) : 44;
  const square = rows.length === columns.length;
  const cell = Math.min((width - left - 16) / columns.length, square ? 74 : 200);
  const high = square ? Math.min(cell, 62) : 34;
  const small = cell < 30;
  const right = width - left - cell * columns.length;
  return drawPlot(
    canvas,
    {
      height: Math.round(8 + high * rows.length + bottom),
      marginTop: 8,
      marginLeft: left,
      marginRight: Math.max(0, right),
      marginBottom: bottom,
      padding: 0,
      x: {
        type: "band",
        domain: columns.map((_, i) => i),
        tickFormat: (i: number) => columns[i]!,
        label: heat.axis,
        labelArrow: "none",
        labelAnchor: "left",
        labelOffset: bottom - 6,
        tickSize: 0,
        ...(slanted ? { tickRotate: -45 } : {}),
      },
      y: {
        type: "band",
        domain: rows.map((_, i) => i),
        tickFormat: (i: number) => rows[i]!,
        label: null,
        tickSize: 0,
      },
      marks: [
        Plot.cell(cells, {
          x: "column",
          y: "row",
          inset: 1,
          fill: ink.vermillion,
          // Never so strong that the number on it could not be read.
          fillOpacity: ({ strength }: HeatCell) => 0.04 + 0.52 * Math.min(1, Math.max(0, strength)),
          ...marked(
            "cells",
            cells.map(({ tip }) => tip),
          ),
        }),
        Plot.text(cells, {
          x: "column",
          y: "row",
          text: small ? "short" : "text",
          fill: ink.text,
          fontSize: small ? 9 : cell < 44 ? 10 : 12,
          pointerEvents: "none",
        }),
        // Band scales place the middles of cells; an outline is drawn around its middle, by its size in cells.
        ...groups.map(([from, to]) => {
          const [x, y] = [(cell * (to - from + 1)) / 2, (high * (to - from + 1)) / 2];
          return Plot.vector([from], {
            x: () => from,
            y: () => from,
            dx: x - cell / 2,
            dy: y - high / 2,
            rotate: 0,
            length: 1,
            anchor: "middle",
            shape: box(x - 1, y - 1),
            stroke: ink.text,
            strokeWidth: 2,
            fill: "none",
            pointerEvents: "none",
          });
        }),
      ],
    },
    { ...around, legend: [] },
  );
}

/** A rectangle of half the given sizes around the origin, as a shape of Plot. */
function box(x: number, y: number): Plot.VectorShapeImplementation {
  return {
    draw(path) {
      path.moveTo(-x, -y);
      path.lineTo(x, -y);
      path.lineTo(x, y);
      path.lineTo(-x, y);
      path.closePath();
    },
  };
}
