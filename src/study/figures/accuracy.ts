import { armFigure } from "../arm-figure.ts";
import { type FigureSource, intervalSentence, paper, seedsNamed } from "../figure-source.ts";
import { grouped } from "../format.ts";
import type { Figure } from "../../figure/figure.ts";

/** Final test accuracy of both arms against the shuffle: the headline. */
export function accuracy({ results }: FigureSource): Figure {
  const classes = results.downstream.classes.length;
  return armFigure(results, {
    id: "accuracy",
    title: "Final accuracy, pretrained and from scratch, as images are shuffled",
    caption: [
      `Share of all ${grouped(results.downstream.testSize)} test images classified correctly after the last step: means over ${seedsNamed(results)},`,
      `small dots are single runs. ${intervalSentence(results)} The dotted line is guessing (1 in ${classes}).`,
      `Corresponds to final performance in the block-shuffling experiment of ${paper}.`,
    ].join(" "),
    quantity: "final accuracy",
    axis: "test accuracy (%)",
    estimateOf: (summary) => summary.accuracy,
    valueOf: (run) => run.finalAccuracy,
    reference: { value: 1 / classes, label: "guessing" },
  });
}
