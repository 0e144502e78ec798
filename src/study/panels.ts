import * as Plot from "@observablehq/plot";
import type { Canvas } from "../figure/figure.ts";
import { inkOf } from "../figure/ink.ts";
import type { Shuffle } from "./config.ts";
import { orderShuffles, shuffleLabel } from "./format.ts";

/** A grid of small plots, one a shuffle, mildest first. */
export interface Panels {
  /** Column and row of a shuffle's panel, as Plot's facet channels. */
  at(shuffle: Shuffle): { readonly fx: number; readonly fy: number };
  /** Size, margins and facets. */
  readonly options: Plot.PlotOptions;
  /** Frames and titles. */
  readonly marks: Plot.Markish[];
}

/** Lays out one panel a shuffle: three a row on a wide canvas, two on a narrow one. */
export function panelsOf(canvas: Canvas, shuffles: readonly Shuffle[]): Panels {
  const ink = inkOf(canvas);
  const order = orderShuffles(shuffles);
  const columns = Math.min(order.length, canvas.width === "wide" ? 3 : 2);
  const rows = Math.ceil(order.length / columns);
  const at = (shuffle: Shuffle) => {
    const i = order.indexOf(shuffle);
    return { fx: i % columns, fy: Math.floor(i / columns) };
  };
  const cells = order.map((shuffle) => ({
    ...at(shuffle),
    title:
      shuffle === "none" || shuffle === "pixel" ? shuffleLabel(shuffle) : `${shuffleLabel(shuffle)} blocks`,
  }));
  const rowHeight = columns === 1 ? 280 : canvas.width === "wide" ? 190 : 170;
  return {
    at,
    options: {
      height: 72 + rows * rowHeight,
      marginTop: 36,
      marginLeft: 46,
      marginRight: 14,
      marginBottom: 44,
      fx: {
        axis: null,
        domain: Array.from({ length: columns }, (_, i) => i),
        padding: columns > 1 ? 0.14 : 0,
      },
      fy: { axis: null, domain: Array.from({ length: rows }, (_, i) => i), padding: rows > 1 ? 0.17 : 0 },
    },
    marks: [
      Plot.frame({ stroke: ink.faint }),
      Plot.text(cells, {
        fx: "fx",
        fy: "fy",
        text: "title",
        frameAnchor: "top-left",
        lineAnchor: "bottom",
        dy: -5,
        fontWeight: 600,
        fill: ink.text,
      }),
    ],
  };
}
