import * as Plot from "@observablehq/plot";
import { csvTable } from "../../figure/csv.ts";
import { drawPlot, marked, type SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Canvas, Figure } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { decimal, grouped } from "../../figure/numbers.ts";
import { papers, shortNames } from "../chart/names.ts";
import type { SoupResults } from "../results.ts";

const styles = {
  taken: { key: "taken", label: "taken into the soup", color: "blue", shape: "circle" },
  left: {
    key: "left",
    label: "left out",
    color: "vermillion",
    shape: "diamond2",
    hollow: true,
    unlined: true,
  },
  own: { key: "own", label: "the candidate alone", color: "green", shape: "triangle2", unlined: true },
} as const satisfies Record<string, SeriesStyle>;

/** A candidate as it was tried. */
interface Tried {
  readonly place: number;
  readonly heldOut: number;
  /** Held-out accuracy of the soup after the decision. */
  readonly soup: number;
  readonly own: number;
  readonly accepted: boolean;
  readonly tip: string;
}

/** The greedy soup as it grows: held-out accuracy with each candidate, in the order tried. */
export function soupGrowth(results: SoupResults): Figure | AbsentFigure {
  const id = "soup-growth";
  const title = "How the greedy soup grows";
  const { growth, members, data } = results;
  if (growth.length === 0) return { id, title, absent: "no greedy soup was made" };
  const names = shortNames(
    members.map(({ name }) => name),
    28,
  );
  let soup = growth[0]!.heldOut;
  const tried = growth.map((one, i): Tried => {
    if (one.accepted) soup = one.heldOut;
    const own = members[one.model]!.heldOut;
    return {
      place: i + 1,
      heldOut: one.heldOut,
      soup,
      own,
      accepted: one.accepted,
      tip: [
        `${i + 1}. ${names[one.model]!}: ${one.accepted ? "taken" : "left out"}`,
        `the soup with it: ${decimal(100 * one.heldOut, 1)} %, alone: ${decimal(100 * own, 1)} %`,
        one.reason,
      ].join("\n"),
    };
  });
  const caption = [
    `Accuracy on ${grouped(data.heldOut)} held-out images of ${data.set} of the average with each candidate, candidates in the order tried (best alone first).`,
    "Filled: taken; hollow: left out; the line is the soup so far. Triangles are the candidates alone. The reason for every decision is in the data.",
    "It is the split that decided, so the curve is not an estimate of accuracy on new images.",
    `Corresponds to the greedy soup of ${papers.soups}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "order",
        "network",
        "held_out_accuracy_of_soup_with_it",
        "accepted",
        "held_out_accuracy_alone",
        "reason",
      ],
      growth.map((one, i) => [
        i + 1,
        members[one.model]!.name,
        one.heldOut,
        one.accepted,
        members[one.model]!.heldOut,
        one.reason,
      ]),
    ),
    svg: (canvas) => draw(canvas, tried, title, caption),
  };
}

function draw(canvas: Canvas, tried: readonly Tried[], title: string, description: string): string {
  const ink = inkOf(canvas);
  const wide = canvas.width === "wide";
  const values = tried.flatMap(({ heldOut, own }) => [heldOut, own]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = Math.max(0.08 * (high - low), 0.004);
  const dots = (accepted: boolean) => {
    const style = accepted ? styles.taken : styles.left;
    const data = tried.filter((one) => one.accepted === accepted);
    return Plot.dot(data, {
      x: "place",
      y: "heldOut",
      r: 5,
      symbol: style.shape,
      fill: accepted ? ink[style.color] : ink.background,
      stroke: ink[style.color],
      strokeWidth: 1.5,
      ...marked(
        style.key,
        data.map(({ tip }) => tip),
      ),
    });
  };
  const last = tried.length;
  const every = Math.ceil(last / (wide ? 20 : 9));
  return drawPlot(
    canvas,
    {
      height: wide ? 320 : 290,
      marginTop: 28,
      marginLeft: 52,
      marginRight: 16,
      marginBottom: 44,
      x: {
        type: "linear",
        domain: [0.5, last + 0.5],
        ticks: tried.map(({ place }) => place).filter((place) => (place - 1) % every === 0),
        tickFormat: String,
        tickSize: 0,
        label: "candidates tried",
        labelArrow: "none",
        labelAnchor: "center",
        labelOffset: 38,
      },
      y: {
        domain: [Math.max(0, low - air), Math.min(1, high + air)],
        label: "held-out accuracy (%)",
        tickFormat: (value: number) => decimal(100 * value, high - low < 0.04 ? 1 : 0),
        ticks: 6,
        tickSize: 0,
      },
      marks: [
        Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 6 }),
        Plot.line(tried, {
          x: "place",
          y: "soup",
          curve: "step-after",
          stroke: ink[styles.taken.color],
          strokeWidth: 1.5,
          strokeOpacity: 0.6,
          ...marked(styles.taken.key),
        }),
        Plot.dot(tried, {
          x: "place",
          y: "own",
          r: 2.8,
          symbol: styles.own.shape,
          fill: ink[styles.own.color],
          ...marked(styles.own.key),
        }),
        dots(false),
        dots(true),
      ],
    },
    { title, description, legend: Object.values(styles) },
  );
}
