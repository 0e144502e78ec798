import * as Plot from "@observablehq/plot";
import { csvTable } from "../../figure/csv.ts";
import { drawPlot, marked } from "../../figure/draw.ts";
import type { AbsentFigure, Canvas, Figure } from "../../figure/figure.ts";
import { inkOf } from "../../figure/ink.ts";
import { type FigureSource, paper } from "../figure-source.ts";
import { decimal, orderShuffles, shuffleLabel } from "../format.ts";
import { panelsOf } from "../panels.ts";
import type { TuningResult } from "../results.ts";
import { armOrder, armStyles } from "../styles.ts";

/** Validation accuracy against the learning rate: that neither arm is a straw man. */
export function tuning({ results }: FigureSource): Figure | AbsentFigure {
  const id = "tuning";
  const title = "Choice of the learning rate, for each arm apart";
  const { learningRates: all } = results;
  if (new Set(all.map((one) => one.learningRate)).size < 2)
    return { id, title, absent: "only one learning rate was tried" };
  const shuffles = orderShuffles(results.shuffles).filter((shuffle) =>
    all.some((one) => one.shuffle === shuffle),
  );
  const sorted = shuffles.flatMap((shuffle) =>
    armOrder.flatMap((arm) =>
      all
        .filter((one) => one.shuffle === shuffle && one.arm === arm)
        .toSorted((a, b) => a.learningRate - b.learningRate),
    ),
  );
  const caption = [
    "Accuracy on validation images held out of the training split, by runs with a seed of their own that are not otherwise reported; test images were not looked at.",
    "Both arms search the same grid; rings mark what was chosen.",
    shuffles.length < results.shuffles.length
      ? "The choice made here was used at every shuffle."
      : "Each shuffle has its own choice.",
    `${paper} likewise sweeps the learning rate of each initialisation.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["shuffle", "arm", "learning_rate", "validation_accuracy", "chosen"],
      sorted.map((one) => [shuffleLabel(one.shuffle), one.arm, one.learningRate, one.accuracy, one.chosen]),
    ),
    svg: (canvas) => draw(canvas, sorted, title, caption),
  };
}

function draw(canvas: Canvas, all: readonly TuningResult[], title: string, description: string): string {
  const ink = inkOf(canvas);
  const panels = panelsOf(canvas, [...new Set(all.map((one) => one.shuffle))]);
  const place = {
    fx: (one: TuningResult) => panels.at(one.shuffle).fx,
    fy: (one: TuningResult) => panels.at(one.shuffle).fy,
    x: "learningRate",
    y: "accuracy",
  };
  const rates = [...new Set(all.map((one) => one.learningRate))].toSorted((a, b) => a - b);
  const marks = armOrder.flatMap((arm) => {
    const style = armStyles[arm];
    const color = ink[style.color];
    const data = all.filter((one) => one.arm === arm);
    const dash = style.dash === undefined ? {} : { strokeDasharray: style.dash };
    const tips = data.map(
      (one) =>
        `${style.label}, ${shuffleLabel(one.shuffle)}\nlearning rate ${one.learningRate}${one.chosen ? " (chosen)" : ""}\nvalidation accuracy: ${decimal(100 * one.accuracy, 1)} %`,
    );
    return [
      Plot.line(data, { ...place, stroke: color, strokeWidth: 1.5, ...dash, ...marked(style.key) }),
      Plot.dot(
        data.filter((one) => one.chosen),
        { ...place, r: 8, stroke: color, strokeWidth: 1.5, fill: "none", ...marked(style.key) },
      ),
      Plot.dot(data, { ...place, r: 4, symbol: style.shape, fill: color, ...marked(style.key, tips) }),
    ];
  });
  return drawPlot(
    canvas,
    {
      ...panels.options,
      x: {
        type: "log",
        label: "learning rate (logarithmic)",
        labelArrow: "none",
        labelAnchor: "center",
        labelOffset: 38,
        // All rates that were tried, unless they are too many to be written side by side.
        ticks: rates.length > 4 ? [rates[0]!, rates.at(-1)!] : rates,
        tickFormat: String,
        tickSize: 3,
        inset: 12,
      },
      y: {
        label: "validation accuracy (%)",
        tickFormat: (value: number) => decimal(100 * value, 0),
        ticks: 4,
        tickSize: 0,
        inset: 8,
      },
      marks: [Plot.gridY({ stroke: ink.faint, strokeOpacity: 1, ticks: 4 }), ...panels.marks, ...marks],
    },
    { title, description, legend: armOrder.map((arm) => armStyles[arm]) },
  );
}
