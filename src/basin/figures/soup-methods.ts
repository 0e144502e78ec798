import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal, grouped } from "../../figure/numbers.ts";
import { type DotPanel, type DotValue, drawDots } from "../chart/dots.ts";
import { csvInterval, hundredthsRange, nats, papers } from "../chart/names.ts";
import type { Interval, Quality, SoupResults } from "../results.ts";

const style: SeriesStyle = { key: "methods", label: "methods", color: "blue", shape: "circle" };

/** Every way to use the networks side by side: accuracy, loss and calibration on test images, and cost. */
export function soupMethods(results: SoupResults): Figure | AbsentFigure {
  const id = "soup-methods";
  const title = "Averages next to the best network and the ensemble";
  const { rows, members, data } = results;
  if (rows.length === 0) return { id, title, absent: "nothing was compared" };
  const caption = [
    `Quality on ${grouped(data.test)} test images of ${data.set}. Bars are 95 % confidence intervals over images (accuracy: Wilson's; loss: Student's t); calibration error: 15 bins of equal width (${papers.calibration}), hollow: without interval.`,
    `Top: each of the ${members.length} networks. Passes: forward passes for one prediction, the cost of using it.`,
    `Choices were made on ${grouped(data.heldOut)} held-out images. Corresponds to the comparison of ${papers.soups}.`,
  ].join(" ");
  const panel = (
    name: string,
    of: (quality: Quality) => Interval,
    tick: DotPanel["tick"],
    words: (interval: Interval) => string,
  ): DotPanel => ({
    title: name,
    tick,
    zero: false,
    series: [
      {
        style,
        values: [
          {
            row: 0,
            value: null,
            tip: "",
            singles: members.map((one) => ({
              value: of(one.quality).value,
              tip: `${one.name}\n${name}: ${words(of(one.quality))}`,
            })),
          },
          ...rows.map(({ method, quality }, i): DotValue => ({
            row: i + 1,
            value: of(quality),
            tip: `${method}\n${name}: ${words(of(quality))}`,
            singles: [],
          })),
        ],
      },
    ],
  });
  const exact = (value: number): Interval => ({ value, low: null, high: null });
  const panels = [
    panel("accuracy (%)", (quality) => quality.accuracy, hundredthsTick, hundredthsRange),
    panel(
      "loss (nats)",
      (quality) => quality.loss,
      (value) => decimal(value, 2),
      nats,
    ),
    panel("calibration error (points)", (quality) => exact(quality.ece), hundredthsTick, hundredthsRange),
  ];
  return {
    id,
    title,
    caption,
    csv: csvTable(
      [
        "method",
        "networks",
        "passes",
        "held_out_accuracy",
        "accuracy",
        "low95",
        "high95",
        "loss",
        "low95",
        "high95",
        "ece",
      ],
      [...members.map((one) => ({ ...one, method: one.name, members: 1 })), ...rows].map(
        ({ method, members: count, heldOut, quality }) => [
          method,
          count,
          quality.passes,
          heldOut,
          ...csvInterval(quality.accuracy),
          ...csvInterval(quality.loss),
          quality.ece,
        ],
      ),
    ),
    svg: (canvas) =>
      drawDots(
        canvas,
        [
          { label: "single networks", detail: `${members.length}, each alone` },
          ...rows.map(({ method, members: count, quality }) => ({
            label: method,
            detail: `${count === 1 ? "1 network" : `${count} networks`}, ${quality.passes === 1 ? "1 pass" : `${quality.passes} passes`}`,
          })),
        ],
        panels,
        { title, description: caption },
      ),
  };
}

/** Hundredths with one digit more where the ticks are not whole: 6.5 and 7 are never both "7". */
export function hundredthsTick(value: number, _index = 0, all: readonly number[] = [value]): string {
  const whole = all.every((one) => Math.abs(100 * one - Math.round(100 * one)) < 1e-6);
  return decimal(100 * value, whole ? 0 : 1);
}
