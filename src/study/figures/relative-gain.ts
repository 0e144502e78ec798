import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { drawByShuffle } from "../by-shuffle.ts";
import { csvEstimate, type FigureSource, intervalSentence, paper, seedsNamed } from "../figure-source.ts";
import { decimal, orderShuffles, percentRange, points as inPoints, shuffleLabel } from "../format.ts";

const style: SeriesStyle = { key: "gain", label: "relative gain", color: "green", shape: "diamond2" };

/** The paper's relative gain of pretraining against the shuffle. */
export function relativeGain({ results }: FigureSource): Figure | AbsentFigure {
  const id = "relative-gain";
  const title = "Relative gain of pretraining, as images are shuffled";
  const shuffles = orderShuffles(results.shuffles);
  const known = shuffles.flatMap((shuffle) => {
    const summary = results.summary.shuffles.find((one) => one.shuffle === shuffle)!;
    return summary.relativeGain === null
      ? []
      : [{ shuffle, estimate: summary.relativeGain, gain: summary.gain }];
  });
  if (known.length === 0)
    return {
      id,
      title,
      absent:
        "the pretrained network classified nothing correctly, so nothing can be divided by its accuracy",
    };
  const caption = [
    `(accuracy of P-T − accuracy of RI-T) / accuracy of P-T, from mean final accuracies over ${seedsNamed(results)}, paired by seed.`,
    results.seeds.length < 2
      ? intervalSentence(results)
      : "Bars are 95 % confidence intervals over seeds (Fieller's, for a ratio of means).",
    `Zero: pretraining made no difference. Corresponds to the relative accuracy difference in the block-shuffling experiment of ${paper}.`,
  ].join(" ");
  const points = known.map(({ shuffle, estimate, gain }) => ({
    shuffle,
    estimate,
    tip: `${shuffleLabel(shuffle)}\nrelative gain: ${percentRange(estimate)}\ngain: ${inPoints(gain)}`,
  }));
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["shuffle", "relative_gain", "low95", "high95", "gain", "gain_low95", "gain_high95"],
      known.map(({ shuffle, estimate, gain }) => [
        shuffleLabel(shuffle),
        ...csvEstimate(estimate),
        ...csvEstimate(gain),
      ]),
    ),
    svg: (canvas) =>
      drawByShuffle(
        canvas,
        shuffles,
        [{ style, points }],
        {
          label: "relative gain (%)",
          tick: (value) => decimal(100 * value, 0),
          reference: { value: 0, label: "no gain" },
        },
        { title, description: caption },
      ),
  };
}
