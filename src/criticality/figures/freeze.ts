import { type DotPanel, drawDots } from "../../basin/chart/dots.ts";
import { csvInterval } from "../../basin/chart/names.ts";
import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal, grouped, type Ranged } from "../../figure/numbers.ts";
import { pointsRange } from "../chart/names.ts";
import type { FreezeResult } from "../results.ts";

const style: SeriesStyle = { key: "runs", label: "runs", color: "blue", shape: "circle" };

/** Fine-tuning everything against fine-tuning with the listed modules frozen. */
export function freeze({ tried, modules }: FreezeResult): Figure | AbsentFigure {
  const id = "freeze";
  const title = "Following the list: accuracy and time of training";
  if (tried === undefined) return { id, title, absent: "no fine-tune that follows the list was asked for" };
  const { rows, seeds, speed } = tried;
  const caption = [
    `Fine-tunes of the whole network against fine-tunes with ${modules.length} ${modules.length === 1 ? "module" : "modules"} frozen, the same ${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}. Means with 95 % intervals over seeds (Student’s t), small dots are single runs; accuracies are on test images.`,
    `Frozen minus full, paired by seed: ${pointsRange(tried.accuracy)} points; full time over frozen time: ${decimal(speed.value, 2)}${speed.low === null || speed.high === null ? "" : ` (${decimal(speed.low, 2)} to ${decimal(speed.high, 2)})`}. Time is that of training as it was measured when each run was computed.`,
  ].join(" ");
  const labels = { full: "everything trained", frozen: "list frozen" } as const;
  const panel = (
    name: string,
    tick: (value: number) => string,
    zero: boolean,
    of: (row: (typeof rows)[number]) => { value: Ranged; singles: readonly number[]; words: string },
  ): DotPanel => ({
    title: name,
    tick,
    zero,
    series: [
      {
        style,
        values: rows.map((row, i) => {
          const { value, singles, words } = of(row);
          return {
            row: i,
            value,
            tip: `${labels[row.what]}: ${words}`,
            singles: singles.map((one, k) => ({
              value: one,
              tip: `${labels[row.what]}, seed ${seeds[k] ?? k}: ${tick(one)}`,
            })),
          };
        }),
      },
    ],
  });
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "what",
        "trained_parameters",
        "accuracy",
        "accuracy_low95",
        "accuracy_high95",
        "seconds",
        "seconds_low95",
        "seconds_high95",
        "accuracies",
      ],
      rows.map((row) => [
        row.what,
        row.trained,
        ...csvInterval(row.accuracy),
        ...csvInterval(row.seconds),
        row.accuracies.join(" "),
      ]),
    ),
    svg: (canvas) =>
      drawDots(
        canvas,
        rows.map(({ what, trained }) => ({
          label: labels[what],
          detail: `${grouped(trained)} parameters trained`,
        })),
        [
          panel(
            "test accuracy (%)",
            (value) => decimal(100 * value, 1),
            false,
            ({ accuracy, accuracies }) => ({
              value: accuracy,
              singles: accuracies,
              words: `${pointsRange(accuracy)} %`,
            }),
          ),
          panel(
            "time of training (s)",
            (value) => decimal(value, value > 0 && value < 9.95 ? 1 : 0),
            true,
            ({ seconds }) => ({
              value: seconds,
              singles: [],
              words: `${decimal(seconds.value, 1)} s`,
            }),
          ),
        ],
        { title, description: caption },
      ),
  };
}
