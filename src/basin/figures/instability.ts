import * as Plot from "@observablehq/plot";
import { csvTable } from "../../figure/csv.ts";
import { drawPanels, marked, type SeriesStyle, widthOf } from "../../figure/draw.ts";
import type { AbsentFigure, Canvas, Figure } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { decimal, enumerate, grouped } from "../../figure/numbers.ts";
import { csvInterval, hundredthsRange, nats, pairCount, papers } from "../chart/names.ts";
import type { InstabilityAt, InstabilityResults } from "../results.ts";

const style: SeriesStyle = { key: "instability", label: "instability", color: "blue", shape: "circle" };
const shareStyle: SeriesStyle = { key: "stable", label: "stable", color: "green", shape: "diamond2" };

/** Instability against the steps shared, and the share of pairs that are stable. */
export function instability(results: InstabilityResults): Figure | AbsentFigure {
  const id = "instability";
  const title = "Instability against the steps two runs share";
  const spawn = results.spawn.toSorted((a, b) => a.k - b.k);
  if (spawn.length === 0) return { id, title, absent: "no moment of training was looked at" };
  const counts = [...new Set(spawn.map((one) => one.pairs.length))].toSorted((a, b) => a - b);
  const pairs = counts.length === 1 ? pairCount(counts[0]!) : `${counts[0]} to ${counts.at(-1)} pairs`;
  const caption = [
    `Two children go on from the same state after k of ${grouped(results.total)} steps with different ${enumerate(results.vary)}; instability is the greatest error on the straight path between them after training, over the mean of their own errors (${grouped(results.data.test)} test images of ${results.data.set}).`,
    counts.at(-1)! < 2
      ? "There are no intervals: they need two pairs or more."
      : `Large dots are means over ${pairs} a moment with 95 % confidence intervals over pairs (Student's t), small dots beside them single pairs; a wide interval is cut at the frame.`,
    `Below: the share of pairs under ${decimal(100 * results.threshold, 0)} points, which are called stable. The horizontal axis is logarithmic, with 0 at its left.`,
    `Corresponds to the instability analysis of ${papers.instability}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "steps_shared",
        "replicate",
        "instability",
        "low95",
        "high95",
        "train_loss_chord_barrier",
        "low95",
        "high95",
        "distance",
        "stable_share",
      ],
      spawn.flatMap((one) => [
        [
          one.k,
          "mean",
          ...csvInterval(one.instability),
          ...csvInterval(one.lossBarrier),
          one.distance.value,
          one.stable,
        ],
        ...one.pairs.map((pair) => [
          one.k,
          pair.replicate,
          ...csvInterval(pair.instability),
          ...csvInterval(pair.lossBarrier),
          pair.distance,
          null,
        ]),
      ]),
    ),
    svg: (canvas) => draw(canvas, results, spawn, title, caption),
  };
}

function draw(
  canvas: Canvas,
  { threshold }: InstabilityResults,
  spawn: readonly InstabilityAt[],
  title: string,
  description: string,
): string {
  const ink = inkOf(canvas);
  const wide = canvas.width === "wide";
  const width = widthOf(canvas);
  const ks = spawn.map(({ k }) => k);
  const constant = Math.min(...ks.filter((k) => k > 0), Infinity);
  const scale = {
    type: "symlog",
    constant: Number.isFinite(constant) ? constant : 1,
    domain: ks.length > 1 ? [ks[0]!, ks.at(-1)!] : [Math.max(0, ks[0]! - 1), ks[0]! + 1],
    inset: 26,
    ticks: ticksOf(ks, scalePlace(ks), width - 100),
    tickFormat: (k: number) => grouped(k),
    tickSize: 3,
  } as const;
  const margins = { marginLeft: 52, marginRight: 16 };
  const color = ink[style.color];
  const values = spawn.flatMap((one) => [
    one.instability.value,
    ...one.pairs.map((pair) => pair.instability.value),
  ]);
  const most = Math.max(...values, 2 * threshold);
  const high = Math.min(1.35 * most, Math.max(1.06 * most, ...spawn.map((one) => one.instability.high ?? 0)));
  const cut = (value: number) => Math.min(high, Math.max(0, value));
  const bars = spawn.filter((one) => one.instability.low !== null);
  const singles = spawn.flatMap(({ k, pairs }) =>
    pairs.length < 2 ? [] : pairs.map((pair, i) => ({ k, pair, dx: 11 + 4 * Math.min(i, 3) })),
  );
  const main: Plot.PlotOptions = {
    height: wide ? 300 : 270,
    ...margins,
    marginTop: 28,
    marginBottom: 26,
    x: { ...scale, label: null },
    y: {
      domain: [0, high],
      label: "instability (points of test error)",
      tickFormat: (value: number) => decimal(100 * value, 0),
      ticks: 6,
      tickSize: 0,
    },
    marks: [
      Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 6 }),
      Plot.ruleY([threshold], { stroke: ink.muted, strokeDasharray: "2,3" }),
      Plot.line(spawn, {
        x: "k",
        y: (one: InstabilityAt) => cut(one.instability.value),
        stroke: color,
        strokeWidth: 1.5,
        strokeOpacity: 0.55,
        ...marked(style.key),
      }),
      Plot.ruleX(bars, {
        x: "k",
        y1: (one: InstabilityAt) => cut(one.instability.low!),
        y2: (one: InstabilityAt) => cut(one.instability.high!),
        stroke: color,
        strokeWidth: 2,
        strokeLinecap: "round",
        ...marked(style.key),
      }),
      ...[...new Set(singles.map(({ dx }) => dx))].map((dx) => {
        const here = singles.filter((one) => one.dx === dx);
        return Plot.dot(here, {
          x: "k",
          y: ({ pair }: (typeof here)[number]) => cut(pair.instability.value),
          dx,
          r: 2.4,
          fill: color,
          fillOpacity: 0.6,
          ...marked(
            style.key,
            here.map(
              ({ k, pair }) =>
                `after ${grouped(k)} steps, pair of replicate ${pair.replicate}\ninstability: ${hundredthsRange(pair.instability)} points\ndistance: ${decimal(pair.distance, 2)}`,
            ),
          ),
        });
      }),
      Plot.dot(spawn, {
        x: "k",
        y: (one: InstabilityAt) => cut(one.instability.value),
        r: 5,
        symbol: style.shape,
        fill: (one: InstabilityAt) => (one.instability.low === null ? ink.background : color),
        stroke: color,
        strokeWidth: 1.5,
        ...marked(style.key, spawn.map(tipOf)),
      }),
      Plot.text([threshold], {
        y: (value: number) => value,
        text: (value: number) => `${decimal(100 * value, 0)} points: stable below`,
        frameAnchor: "left",
        textAnchor: "start",
        dx: 2,
        dy: -7,
        fill: ink.muted,
        stroke: ink.background,
        strokeWidth: 3,
        fontSize: 11,
      }),
    ],
  };
  const share: Plot.PlotOptions = {
    height: 136,
    ...margins,
    marginTop: 24,
    marginBottom: 44,
    x: {
      ...scale,
      label: "steps shared, k (logarithmic)",
      labelArrow: "none",
      labelAnchor: "center",
      labelOffset: 38,
    },
    y: {
      domain: [0, 1],
      label: "stable pairs (%)",
      tickFormat: (value: number) => decimal(100 * value, 0),
      ticks: [0, 0.5, 1],
      tickSize: 0,
    },
    marks: [
      Plot.gridY([0, 0.5, 1], { stroke: ink.faint, strokeOpacity: 1 }),
      Plot.line(spawn, {
        x: "k",
        y: "stable",
        stroke: ink[shareStyle.color],
        strokeWidth: 1.5,
        strokeOpacity: 0.6,
        ...marked(shareStyle.key),
      }),
      Plot.dot(spawn, {
        x: "k",
        y: "stable",
        r: 4.5,
        symbol: shareStyle.shape,
        fill: ink[shareStyle.color],
        ...marked(
          shareStyle.key,
          spawn.map(
            (one) =>
              `after ${grouped(one.k)} steps\n${decimal(100 * one.stable, 0)} % of ${pairCount(one.pairs.length)} stable`,
          ),
        ),
      }),
    ],
  };
  return drawPanels(
    canvas,
    [
      { x: 0, y: 0, width, options: main },
      { x: 0, y: wide ? 300 : 270, width, options: share },
    ],
    { title, description, legend: [] },
  );
}

function tipOf(one: InstabilityAt): string {
  return [
    `after ${grouped(one.k)} steps`,
    `instability: ${hundredthsRange(one.instability)} points`,
    `train loss over the chord: ${nats(one.lossBarrier)} nats`,
    `distance: ${decimal(one.distance.value, 2)}`,
    `${decimal(100 * one.stable, 0)} % of ${pairCount(one.pairs.length)} stable`,
  ].join("\n");
}

/** Where a number of steps lies on the axis, 0 to 1: the symmetric logarithm that the plot uses. */
function scalePlace(ks: readonly number[]): (k: number) => number {
  const unit = Math.min(...ks.filter((k) => k > 0), Infinity);
  if (!Number.isFinite(unit) || ks.length < 2) return () => 0.5;
  const [from, to] = [Math.log1p(ks[0]! / unit), Math.log1p(ks.at(-1)! / unit)];
  return (k) => (Math.log1p(k / unit) - from) / (to - from);
}

/** As many of the moments as can be written side by side: the ends, then from the left what has room. */
function ticksOf(ks: readonly number[], place: (k: number) => number, pixels: number): number[] {
  const half = (k: number) => (7 * grouped(k).length) / 2 + 5;
  const kept: number[] = [];
  const clear = (k: number) =>
    kept.every((other) => Math.abs(place(k) - place(other)) * pixels >= half(k) + half(other));
  for (const k of [ks[0]!, ks.at(-1)!, ...ks.slice(1, -1)]) if (!kept.includes(k) && clear(k)) kept.push(k);
  return kept.toSorted((a, b) => a - b);
}
