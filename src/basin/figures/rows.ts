import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal } from "../../figure/numbers.ts";
import { type DotPanel, type DotValue, drawDots } from "../chart/dots.ts";
import { csvInterval, hundredthsRange, nats, pairCount, papers } from "../chart/names.ts";
import { rowName } from "../chart/row-names.ts";
import { splitStyles } from "../chart/split-styles.ts";
import type { GridRow, Split } from "../results.ts";

/** Barriers over the chord by kind of pair: the lecture's comparison of fine-tuned networks and networks from scratch. */
export function rows(all: readonly GridRow[]): Figure | AbsentFigure {
  const id = "basin-rows";
  const title = "Barriers by kind of pair";
  if (all.length === 0) return { id, title, absent: "no pairs were compared" };
  const splits = (["train", "test"] as const).filter((split) =>
    all.some((row) => row.chord.some((one) => one.split === split)),
  );
  const counts = [...new Set(all.map((row) => row.pairs.length))].toSorted((a, b) => a - b);
  const caption = [
    "Greatest height of the straight path over the chord between its ends, of the loss and of the error:",
    `means over pairs with 95 % confidence intervals over pairs (Student's t), small dots are single pairs; ${counts.length === 1 ? pairCount(counts[0]!) : `${counts[0]} to ${counts.at(-1)} pairs`} of each kind.`,
    "P-T: fine-tuned from the pretrained network, RI-T: trained from random weights; “10× rate”: with a learning rate that many times as large. A wide interval is cut at the frame.",
    `Corresponds to the performance barriers of ${papers.transfer}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "pairs_of",
        "same_start",
        "same_head",
        "same_order",
        "rate_factor",
        "a",
        "b",
        "split",
        "quantity",
        "chord_barrier",
        "low95",
        "high95",
      ],
      all.flatMap((row) => {
        const kind = [row.label, row.sameStart, row.sameHead, row.sameOrder, row.rateFactor];
        return [
          ...row.chord.map((one) => [
            ...kind,
            "mean",
            "",
            one.split,
            one.quantity,
            ...csvInterval(one.height),
          ]),
          ...row.pairs.flatMap((pair) =>
            pair.barriers
              .filter((one) => one.definition === "chord")
              .map((one) => [...kind, ...pair.names, one.split, one.quantity, ...csvInterval(one.height)]),
          ),
        ];
      }),
    ),
    svg: (canvas) =>
      drawDots(
        canvas,
        all.map(rowName),
        (["loss", "error"] as const).map((quantity) => panelOf(all, splits, quantity)),
        { title, description: caption },
      ),
  };
}

function panelOf(all: readonly GridRow[], splits: readonly Split[], quantity: "loss" | "error"): DotPanel {
  const words = quantity === "loss" ? nats : hundredthsRange;
  const unit = quantity === "loss" ? "nats" : "points";
  return {
    title: quantity === "loss" ? "loss over the chord (nats)" : "error over the chord (points)",
    tick: quantity === "loss" ? (value) => decimal(value, 1) : (value) => decimal(100 * value, 0),
    zero: true,
    series: splits.map((split) => ({
      style: splitStyles[split],
      values: all.flatMap((row, i): DotValue[] => {
        const { label, detail } = rowName(row);
        const found = row.chord.find((one) => one.split === split && one.quantity === quantity);
        if (found === undefined) return [];
        const singles = row.pairs.flatMap(({ names, barriers }) =>
          barriers
            .filter((one) => one.definition === "chord" && one.split === split && one.quantity === quantity)
            .map(({ height }) => ({
              value: height.value,
              tip: `${label}: ${names.join(" – ")}\n${splitStyles[split].label}: ${words(height)} ${unit}`,
            })),
        );
        const tip = `${label} (${detail})\n${splitStyles[split].label}: ${words(found.height)} ${unit}\n${pairCount(row.pairs.length)}`;
        return [{ row: i, value: found.height, tip, singles }];
      }),
    })),
  };
}
