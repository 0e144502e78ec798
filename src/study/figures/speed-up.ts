import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { drawByShuffle } from "../by-shuffle.ts";
import { csvEstimate, type FigureSource, intervalSentence, paper, seedsNamed } from "../figure-source.ts";
import { decimal, orderShuffles, shuffleLabel, grouped, timesRange } from "../format.ts";

const style: SeriesStyle = { key: "speed-up", label: "speed-up", color: "purple", shape: "triangle2" };

/** How many times sooner the pretrained network reaches most of the scratch network's best, against the shuffle. */
export function speedUp({ results }: FigureSource): Figure | AbsentFigure {
  const id = "speed-up";
  const { speedFraction } = results.summary;
  const share = `${decimal(100 * speedFraction, 0)} %`;
  const title = `How many times sooner ${share} of the scratch network's best is reached`;
  const shuffles = orderShuffles(results.shuffles);
  const rows = shuffles.map((shuffle) => {
    const summary = results.summary.shuffles.find((one) => one.shuffle === shuffle)!;
    return { shuffle, milestone: summary.milestones.find((one) => one.fraction === speedFraction)! };
  });
  const points = rows.flatMap(
    ({ shuffle, milestone: { pretrained, scratch, speedUp: estimate, threshold } }) =>
      estimate === null
        ? []
        : [
            {
              shuffle,
              estimate,
              tip: `${shuffleLabel(shuffle)}\nspeed-up: ${timesRange(estimate)}\nto ${decimal(100 * threshold, 1)} %: ${grouped(pretrained!)} steps pretrained, ${grouped(scratch!)} from scratch`,
            },
          ],
  );
  if (points.length === 0)
    return {
      id,
      title,
      absent: `no shuffle has both networks reach ${share} of the scratch network's best after the start`,
    };
  const caption = [
    `Steps of RI-T / steps of P-T until the mean learning curve over ${seedsNamed(results)} first reaches ${share} of the scratch arm's best at the same shuffle,`,
    "interpolated between looks; shuffles where one arm never gets there, or is there from the start, are left out.",
    results.seeds.length < 2
      ? intervalSentence(results)
      : "Bars are 95 % confidence intervals over seeds (jackknife of the logarithm, Student's t); hollow: no interval can be had.",
    `Corresponds to optimisation speed in the block-shuffling experiment of ${paper}, which measures it by average accuracy.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "shuffle",
        "fraction",
        "threshold",
        "steps_pretrained",
        "steps_scratch",
        "speed_up",
        "low95",
        "high95",
      ],
      rows.map(({ shuffle, milestone }) => [
        shuffleLabel(shuffle),
        milestone.fraction,
        milestone.threshold,
        milestone.pretrained,
        milestone.scratch,
        ...csvEstimate(milestone.speedUp),
      ]),
    ),
    svg: (canvas) =>
      drawByShuffle(
        canvas,
        shuffles,
        [{ style, points }],
        {
          label: "times sooner (logarithmic)",
          type: "log",
          tick: (value) => `${Number(value.toPrecision(2))}×`,
          reference: { value: 1, label: "equally fast" },
        },
        { title, description: caption },
      ),
  };
}
