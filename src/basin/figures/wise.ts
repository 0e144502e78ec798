import * as Plot from "@observablehq/plot";
import { csvTable } from "../../figure/csv.ts";
import { drawPlot, marked, type SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Canvas, Figure } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { decimal } from "../../figure/numbers.ts";
import { csvInterval, hundredthsRange, papers, shortNames } from "../chart/names.ts";
import type { Interval, SoupResults } from "../results.ts";

const style: SeriesStyle = { key: "wise", label: "interpolation", color: "purple", shape: "circle" };

/** A network between the two. */
interface Between {
  readonly alpha: number;
  readonly reference: Interval;
  readonly shifted: Interval | null;
  readonly tip: string;
}

/** Accuracy on the reference data against accuracy on shifted data, along the line between two networks. */
export function wise(results: SoupResults): Figure | AbsentFigure {
  const id = "wise";
  const { wise: curve, members, data } = results;
  const title = "From the first network to the second (WiSE-FT)";
  if (curve === undefined) return { id, title, absent: "no line between two networks was looked at" };
  const names = shortNames(
    members.slice(0, 2).map(({ name }) => name),
    24,
  );
  const points = curve.at.map((alpha, i): Between => {
    const reference = curve.reference[i]!;
    const shifted = curve.shifted?.[i] ?? null;
    return {
      alpha,
      reference,
      shifted,
      tip: [
        `α = ${decimal(alpha, 2)}`,
        `accuracy: ${hundredthsRange(reference)} %`,
        ...(shifted === null ? [] : [`on shifted data: ${hundredthsRange(shifted)} %`]),
      ].join("\n"),
    };
  });
  const twofold = curve.shifted !== undefined;
  const caption = [
    `Networks at (1 − α) θ_0 + α θ_1, from ${names[0] ?? "the first"} (α = 0) to ${names[1] ?? "the second"} (α = 1).`,
    twofold
      ? `Across: accuracy on test images of ${data.set}; up: accuracy on the shifted images. Up and to the right is better in both.`
      : `Accuracy on test images of ${data.set}; no shifted data was given.`,
    `Bars are 95 % confidence intervals over images (Wilson's). Corresponds to ${papers.wise}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["alpha", "reference_accuracy", "low95", "high95", "shifted_accuracy", "low95", "high95"],
      points.map((one) => [one.alpha, ...csvInterval(one.reference), ...csvInterval(one.shifted)]),
    ),
    svg: (canvas) => (twofold ? drawTwofold : drawAlong)(canvas, points, title, caption),
  };
}

const percentTick = (value: number) => decimal(100 * value, 1).replace(/\.0$/, "");

function drawTwofold(canvas: Canvas, points: readonly Between[], title: string, description: string): string {
  const ink = inkOf(canvas);
  const wide = canvas.width === "wide";
  const color = ink[style.color];
  const common = {
    x: ({ reference }: Between) => reference.value,
    y: ({ shifted }: Between) => shifted!.value,
  };
  return drawPlot(
    canvas,
    {
      height: wide ? 420 : 340,
      marginTop: 28,
      marginLeft: 52,
      marginRight: 40,
      marginBottom: 44,
      x: {
        label: "accuracy on the reference data (%)",
        labelArrow: "none",
        labelAnchor: "center",
        labelOffset: 38,
        tickFormat: percentTick,
        ticks: wide ? 7 : 4,
        tickSize: 3,
        nice: true,
      },
      y: {
        label: "accuracy on the shifted data (%)",
        tickFormat: percentTick,
        ticks: 6,
        tickSize: 0,
        nice: true,
      },
      marks: [
        Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 6 }),
        Plot.gridX({ stroke: ink.faint, strokeOpacity: 1, ticks: wide ? 7 : 4 }),
        ...(points.every(({ reference, shifted }) => reference.low !== null && shifted!.low !== null)
          ? [
              Plot.ruleY(points, {
                y: common.y,
                x1: ({ reference }: Between) => reference.low!,
                x2: ({ reference }: Between) => reference.high!,
                stroke: color,
                strokeOpacity: 0.3,
                ...marked(style.key),
              }),
              Plot.ruleX(points, {
                x: common.x,
                y1: ({ shifted }: Between) => shifted!.low!,
                y2: ({ shifted }: Between) => shifted!.high!,
                stroke: color,
                strokeOpacity: 0.3,
                ...marked(style.key),
              }),
            ]
          : []),
        Plot.line(points, { ...common, stroke: color, strokeWidth: 1.5, ...marked(style.key) }),
        Plot.dot(points, {
          ...common,
          r: ({ alpha }: Between) => (alpha === 0 || alpha === 1 ? 6 : 4),
          fill: ({ alpha }: Between) => (alpha === 0 ? ink.background : color),
          stroke: color,
          strokeWidth: 1.5,
          ...marked(
            style.key,
            points.map(({ tip }) => tip),
          ),
        }),
        ...points
          .filter(({ alpha }) => alpha === 0 || alpha === 0.5 || alpha === 1)
          .map((point) =>
            Plot.text([point], {
              ...common,
              text: () => `α = ${point.alpha}`,
              // The ends' words stand below, clear of the curve, which leaves them upwards when averaging helps.
              textAnchor: point.alpha === 1 ? "end" : "start",
              dx: point.alpha === 1 ? -9 : 9,
              dy: point.alpha === 0.5 ? -9 : 12,
              fill: ink.text,
              stroke: ink.background,
              strokeWidth: 3,
              fontSize: 11,
              fontWeight: 600,
            }),
          ),
      ],
    },
    { title, description, legend: [] },
  );
}

function drawAlong(canvas: Canvas, points: readonly Between[], title: string, description: string): string {
  const ink = inkOf(canvas);
  const color = ink[style.color];
  const banded = points.filter(({ reference }) => reference.low !== null);
  return drawPlot(
    canvas,
    {
      height: 300,
      marginTop: 28,
      marginLeft: 52,
      marginRight: 16,
      marginBottom: 44,
      x: {
        label: "position α",
        labelArrow: "none",
        labelAnchor: "center",
        labelOffset: 38,
        inset: 8,
        ticks: 5,
        tickSize: 3,
      },
      y: { label: "accuracy (%)", tickFormat: percentTick, ticks: 6, tickSize: 0, nice: true },
      marks: [
        Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 6 }),
        Plot.areaY(banded, {
          x: "alpha",
          y1: ({ reference }: Between) => reference.low!,
          y2: ({ reference }: Between) => reference.high!,
          fill: color,
          fillOpacity: 0.16,
          ...marked(style.key),
        }),
        Plot.line(points, {
          x: "alpha",
          y: ({ reference }: Between) => reference.value,
          stroke: color,
          strokeWidth: 2,
          ...marked(style.key),
        }),
        Plot.dot(points, {
          x: "alpha",
          y: ({ reference }: Between) => reference.value,
          r: 4,
          fill: color,
          ...marked(
            style.key,
            points.map(({ tip }) => tip),
          ),
        }),
      ],
    },
    { title, description, legend: [] },
  );
}
