import { csvTable } from "../figure/csv.ts";
import type { Figure } from "../figure/figure.ts";
import { drawByShuffle, type ShuffleSeries } from "./by-shuffle.ts";
import { csvEstimate } from "./figure-source.ts";
import { decimal, orderShuffles, percent, shuffleLabel } from "./format.ts";
import type { ArmSummary, Estimate, Run, StudyResults } from "./results.ts";
import { armOrder, armStyles } from "./styles.ts";

/** A quantity that both arms have at every shuffle, a share in [0, 1]. */
export interface ArmQuantity {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  /** Its name in a sentence. */
  readonly quantity: string;
  readonly axis: string;
  readonly estimateOf: (summary: ArmSummary) => Estimate;
  readonly valueOf: (run: Run) => number;
  readonly reference: { readonly value: number; readonly label: string };
}

/** The figure of one such quantity: both arms against the shuffle, with intervals and single runs. */
export function armFigure(results: StudyResults, quantity: ArmQuantity): Figure {
  const { id, title, caption } = quantity;
  const shuffles = orderShuffles(results.shuffles);
  const runsOf = (arm: Run["arm"], shuffle: Run["shuffle"]) =>
    results.runs.filter((run) => run.arm === arm && run.shuffle === shuffle);
  const series = armOrder.map((arm): ShuffleSeries => {
    const style = armStyles[arm];
    const points = shuffles.map((shuffle) => {
      const estimate = quantity.estimateOf(
        results.summary.arms.find((one) => one.arm === arm && one.shuffle === shuffle)!,
      );
      const singles = runsOf(arm, shuffle).map(quantity.valueOf);
      const each = `seeds: ${singles.map((value) => decimal(100 * value, 1)).join(", ")} %`;
      return {
        shuffle,
        estimate,
        singles,
        tip: `${style.label}, ${shuffleLabel(shuffle)}\n${quantity.quantity}: ${percent(estimate)}\n${each}`,
      };
    });
    return { style, points };
  });
  const rows = shuffles.flatMap((shuffle) =>
    armOrder.flatMap((arm, k) => {
      const point = series[k]!.points.find((one) => one.shuffle === shuffle)!;
      return [
        [shuffleLabel(shuffle), arm, "mean", null, ...csvEstimate(point.estimate)],
        ...runsOf(arm, shuffle).map((run) => [
          shuffleLabel(shuffle),
          arm,
          "run",
          run.seed,
          quantity.valueOf(run),
          null,
          null,
        ]),
      ];
    }),
  );
  return {
    id,
    title,
    caption,
    csv: csvTable(["shuffle", "arm", "what", "seed", "value", "low95", "high95"], rows),
    svg: (canvas) =>
      drawByShuffle(
        canvas,
        shuffles,
        series,
        {
          label: quantity.axis,
          tick: (value) => decimal(100 * value, 0),
          reference: quantity.reference,
          bounds: [0, 1],
        },
        { title, description: caption },
      ),
  };
}
