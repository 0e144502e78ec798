import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { drawByShuffle, type ShuffleSeries } from "../by-shuffle.ts";
import { csvEstimate, type FigureSource, paper, seedsNamed } from "../figure-source.ts";
import { decimal, orderShuffles, percentRange, shuffleLabel } from "../format.ts";
import type { Estimate, ShuffleSummary } from "../results.ts";

const measures: readonly {
  readonly style: SeriesStyle;
  readonly of: (one: ShuffleSummary) => Estimate | null;
}[] = [
  {
    style: { key: "gain", label: "gain in final accuracy", color: "green", shape: "diamond2" },
    of: (one) => one.gainShare,
  },
  {
    style: { key: "area", label: "head start (mean accuracy)", color: "blue", shape: "circle", dash: "5,3" },
    of: (one) => one.areaShare,
  },
  {
    style: {
      key: "speed-up",
      label: "speed-up (logarithm)",
      color: "purple",
      shape: "triangle2",
      dash: "1,3",
    },
    of: (one) => one.speedShare,
  },
];

/** What each shuffle leaves of the gain and of the speed that pretraining brings on intact images. */
export function survival({ results }: FigureSource): Figure | AbsentFigure {
  const id = "survival";
  const title = "What shuffling leaves of the gain and of the speed";
  const shuffles = orderShuffles(results.shuffles).filter((shuffle) => shuffle !== "none");
  const summaries = shuffles.map((shuffle) =>
    results.summary.shuffles.find((one) => one.shuffle === shuffle)!,
  );
  const series = measures
    .map(({ style, of }): ShuffleSeries => ({
      style,
      points: summaries.flatMap((summary) => {
        const estimate = of(summary);
        const tip = () =>
          `${style.label}, ${shuffleLabel(summary.shuffle)}\nleft of it: ${percentRange(estimate!)}`;
        return estimate === null ? [] : [{ shuffle: summary.shuffle, estimate, tip: tip() }];
      }),
    }))
    .filter(({ points }) => points.length > 0);
  if (series.length === 0) {
    const absent =
      shuffles.length === 0 || !results.shuffles.includes("none")
        ? "it needs runs on intact images and on shuffled ones"
        : "on intact images no gain and no speed-up could be shown, so there is nothing to take a share of";
    return { id, title, absent };
  }
  const { speedFraction } = results.summary;
  const caption = [
    "Each measure at a shuffle divided by the same measure on intact images: gain in final accuracy; head start (difference of mean accuracy over training);",
    `logarithm of the speed-up to ${decimal(100 * speedFraction, 0)} % of the scratch arm's best at that shuffle. Over ${seedsNamed(results)}, paired by seed.`,
    "Bars are 95 % confidence intervals (Fieller's, for a ratio of means; on jackknife values for the speed-up), cut at the frame where they are wide.",
    "A measure is left out when its intact value's own interval includes zero. Where the speed measures lie above the gain, speed survives what the gain does not:",
    `the comparison that the block-shuffling experiment of ${paper} draws between final performance and optimisation speed.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "shuffle",
        "gain_share",
        "low95",
        "high95",
        "area_share",
        "low95",
        "high95",
        "log_speed_up_share",
        "low95",
        "high95",
      ],
      summaries.map((one) => [
        shuffleLabel(one.shuffle),
        ...measures.flatMap(({ of }) => csvEstimate(of(one))),
      ]),
    ),
    svg: (canvas) =>
      drawByShuffle(
        canvas,
        shuffles,
        series,
        {
          label: "left of the intact value (%)",
          tick: (value) => decimal(100 * value, 0),
          reference: { value: 0, label: "nothing left" },
        },
        { title, description: caption },
      ),
  };
}
