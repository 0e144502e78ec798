import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { grouped } from "../../figure/numbers.ts";
import { drawLines, type LinePanel } from "../chart/lines.ts";
import { moduleLabels } from "../chart/module-axis.ts";
import { alphaText, networkTitle, papers, pointsRange, testChange } from "../chart/names.ts";
import type { OfRewound } from "./rewinding.ts";

const training: SeriesStyle = { key: "training", label: "path of training", color: "blue", shape: "circle" };
const direct: SeriesStyle = {
  key: "direct",
  label: "straight path",
  color: "vermillion",
  shape: "square2",
  dash: "5,3",
};

/** The error along the path that training took, module by module, beside that along the straight path. */
export function rewindPaths({ network, suffix }: OfRewound): Figure | AbsentFigure {
  const id = `rewind-paths${suffix}`;
  const title = `The path of training and the straight path: ${networkTitle(network)}`;
  const { modules, steps } = network;
  if (steps.length < 2 || modules.length === 0)
    return { id, title, absent: "fewer than two checkpoints were kept" };
  const split = testChange(modules[0]!.changes[0] ?? [])?.split === "train" ? "training" : "test";
  const caption = [
    `Error on ${split} images minus the final network’s when one module is set to a kept checkpoint (path of training), and when it is as far along the straight line from its initial to its final weights as that checkpoint is by distance (straight path). Bands: 95 % intervals over images, paired. One run.`,
    `The straight path is that of ${papers.criticality}, the path of training that of ${papers.layers}; ${papers.transfer} look at both.`,
  ].join(" ");
  const labels = (letters: number) =>
    moduleLabels(
      modules.map(({ name }) => name),
      letters,
    );
  const panels = (letters: number): LinePanel[] =>
    modules.map((module, at) => ({
      title: labels(letters)[at]!,
      series: [
        {
          style: training,
          points: module.changes.flatMap((changes, i) => {
            const change = testChange(changes);
            return change === undefined
              ? []
              : [
                  {
                    x: i,
                    value: change.excess,
                    tip: `${module.name} as at step ${grouped(steps[i]!)}\n${pointsRange(change.excess)} points of error more`,
                  },
                ];
          }),
        },
        {
          style: direct,
          points: module.direct.flatMap(({ alpha, changes }, i) => {
            const change = testChange(changes);
            return change === undefined
              ? []
              : [
                  {
                    x: i,
                    value: change.excess,
                    tip: `${module.name} at α ${alphaText(alpha)} of the straight path (as far as step ${grouped(steps[i] ?? 0)})\n${pointsRange(change.excess)} points of error more`,
                  },
                ];
          }),
        },
      ],
    }));
  const last = steps.length - 1;
  const ticks = [...new Set([0, Math.floor(last / 2), last])];
  return {
    id,
    title,
    caption,
    csv: csvTable(
      ["module", "depth", "path", "step", "alpha", "split", "excess_error", "low95", "high95"],
      modules.flatMap((module) => [
        ...module.changes.flatMap((changes, i) =>
          changes.map(({ split: on, excess }) => [
            module.name,
            module.depth,
            "training",
            steps[i]!,
            null,
            on,
            excess.value,
            excess.low,
            excess.high,
          ]),
        ),
        ...module.direct.flatMap(({ alpha, changes }, i) =>
          changes.map(({ split: on, excess }) => [
            module.name,
            module.depth,
            "direct",
            steps[i] ?? null,
            alpha,
            on,
            excess.value,
            excess.low,
            excess.high,
          ]),
        ),
      ]),
    ),
    svg: (canvas) =>
      drawLines(
        canvas,
        panels(canvas.width === "wide" && modules.length <= 8 ? 26 : 18),
        {
          domain: [0, last],
          ticks: ticks.map((x) => ({ x, text: grouped(steps[x]!) })),
          axes: [
            "across: optimiser step (checkpoints, not to scale)",
            "up: error above the final network’s (points)",
          ],
          reference: 0,
        },
        { title, description: caption },
      ),
  };
}
