import { armFigure } from "../arm-figure.ts";
import { type FigureSource, intervalSentence, paper, seedsNamed } from "../figure-source.ts";
import { areaUnder } from "../summary.ts";
import type { Figure } from "../../figure/figure.ts";

/** Mean test accuracy over training of both arms against the shuffle: speed and level in one number. */
export function area({ results }: FigureSource): Figure {
  const classes = results.downstream.classes.length;
  return armFigure(results, {
    id: "area",
    title: "Mean accuracy over training, as images are shuffled",
    caption: [
      `Area under the test accuracy curve (trapezoids) divided by its length in steps: means over ${seedsNamed(results)}, small dots are single runs.`,
      `${intervalSentence(results)} A network that learns sooner has more area at the same final accuracy; the difference of the arms is the head start.`,
      `Corresponds to the speed measure (average accuracy along fine-tuning) in the block-shuffling experiment of ${paper}.`,
    ].join(" "),
    quantity: "mean accuracy over training",
    axis: "mean test accuracy over training (%)",
    estimateOf: (summary) => summary.area,
    valueOf: areaUnder,
    reference: { value: 1 / classes, label: "guessing" },
  });
}
