import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { type CurvePanel, drawCurves } from "../chart/curves.ts";
import { curveRows, papers } from "../chart/names.ts";
import { rowName } from "../chart/row-names.ts";
import { splitStyles } from "../chart/split-styles.ts";
import type { GridRow } from "../results.ts";

/** The paths behind the barriers, one panel a kind of pair. */
export function rowPaths(rows: readonly GridRow[]): Figure | AbsentFigure {
  const id = "basin-paths";
  const title = "The loss on the way, by kind of pair";
  if (rows.length === 0) return { id, title, absent: "no pairs were compared" };
  const splits = (["train", "test"] as const).filter((split) =>
    rows.some((row) => row.pairs.some(({ path }) => path.curves.some((curve) => curve.split === split))),
  );
  const panels = rows.map((row): CurvePanel => {
    const { label, detail } = rowName(row);
    return {
      title: label,
      detail,
      quantity: "loss",
      series: splits.map((split) => ({
        style: splitStyles[split],
        // Both curves have much the same height: one number a panel can be read.
        measured: split === splits.at(-1),
        lines: row.pairs.map(({ names, path }) => ({ name: names.join(" – "), path, split })),
      })),
    };
  });
  const caption = [
    "Loss on the straight path between two networks, at (1 − α) θ_a + α θ_b. Thin lines are single pairs, thick lines their mean; bands are 95 % confidence intervals of the mean over pairs (Student's t).",
    `Large marks are the networks, the dotted line is the chord; numbers are the height of the mean over its chord (of the ${splits.at(-1) === "train" ? "training" : "test"} loss), which is at most the mean of the pairs' own heights.`,
    `Corresponds to the interpolation curves of ${papers.transfer}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "pairs_of",
        "shared",
        "a",
        "b",
        "split",
        "alpha",
        "loss",
        "low95",
        "high95",
        "accuracy",
        "low95",
        "high95",
      ],
      rows.flatMap((row) =>
        row.pairs.flatMap(({ names, path }) =>
          curveRows(path).map((one) => [row.label, rowName(row).detail, ...names, ...one]),
        ),
      ),
    ),
    svg: (canvas) =>
      drawCurves(
        canvas,
        panels,
        { axis: "position α", columns: 3, sameScale: true },
        { title, description: caption },
      ),
  };
}
