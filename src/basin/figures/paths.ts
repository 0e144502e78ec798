import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { type CurvePanel, drawCurves } from "../chart/curves.ts";
import { curveRows, cutMiddle, imagesOf, pairCount, papers, shortNames, splitLabel } from "../chart/names.ts";
import { sameTreatment, treatmentLabel, treatmentStyles } from "../chart/treatment.ts";
import type { BarrierResults } from "../results.ts";

/** Loss and accuracy along the paths of all pairs, before and after what was done to them, on every split looked at. */
export function paths(results: BarrierResults): Figure | AbsentFigure {
  const id = "paths";
  const { pairs, models } = results;
  const names = shortNames(
    models.map(({ name }) => name),
    pairs.length === 1 ? 30 : 16,
  );
  const [only] = pairs;
  const title =
    pairs.length === 1
      ? `The path from ${names[only!.a]} to ${names[only!.b]}`
      : `The paths of ${pairs.length} pairs of networks`;
  const all = pairs.flatMap((pair) => pair.paths);
  if (all.length === 0) return { id, title, absent: "there is no pair of networks" };
  const styles = treatmentStyles(all);
  const splits = (["train", "test"] as const).filter((split) =>
    all.some(({ curves }) => curves.some((curve) => curve.split === split)),
  );
  const panels = (["loss", "accuracy"] as const).flatMap((quantity) =>
    splits.map((split): CurvePanel => ({
      title: quantity === "loss" ? `loss (nats), ${splitLabel[split]}` : `accuracy (%), ${splitLabel[split]}`,
      quantity,
      series: styles.map(({ treatment, style }) => ({
        style,
        alike: false,
        lines: pairs.flatMap((pair) =>
          pair.paths
            .filter((path) => sameTreatment(path.treatment, treatment))
            .map((path) => ({ name: `${names[pair.a]} – ${names[pair.b]}`, path, split })),
        ),
      })),
    })),
  );
  const dashed = all.some(({ treatment }) => treatment.statistics === "interpolated");
  const caption = [
    `Loss and accuracy of the networks between θ_a and θ_b, at (1 − α) θ_a + α θ_b, on ${imagesOf(results.data)}; ${pairCount(pairs.length)}.`,
    pairs.length === 1
      ? "Bands are 95 % confidence intervals over images (loss: Student's t; accuracy: Wilson's)."
      : "Each line is a pair; a mark stands where it is highest over the chord between its ends. The matrix has the heights and, in its data, their intervals.",
    ...(pairs.length === 1
      ? [
          "Large marks are the two networks, the dotted line is the chord between them; numbers are the greatest height of the curve over its chord.",
        ]
      : []),
    ...(dashed
      ? ["Dashed: batch norm statistics interpolated like weights; solid: estimated anew on training images."]
      : []),
    ...(all.some(({ treatment }) => treatment.curve === "bezier")
      ? [`The Bézier curve is trained to keep the loss low (${papers.curves}); α is its parameter.`]
      : []),
    `Corresponds to the performance barriers of ${papers.transfer}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["a", "b", "treatment", "split", "alpha", "loss", "low95", "high95", "accuracy", "low95", "high95"],
      pairs.flatMap((pair) =>
        pair.paths.flatMap((path) =>
          curveRows(path).map((row) => [
            models[pair.a]!.name,
            models[pair.b]!.name,
            treatmentLabel(path.treatment),
            ...row,
          ]),
        ),
      ),
    ),
    svg: (canvas) =>
      drawCurves(
        canvas,
        panels,
        {
          axis:
            pairs.length === 1
              ? `position α (0: ${cutMiddle(names[only!.a]!, 14)}, 1: ${cutMiddle(names[only!.b]!, 14)})`
              : "position α",
          columns: 2,
          sameScale: false,
        },
        { title, description: caption },
      ),
  };
}
