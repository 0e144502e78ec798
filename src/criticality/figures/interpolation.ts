import { csvInterval } from "../../basin/chart/names.ts";
import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { drawLines, type LinePanel } from "../chart/lines.ts";
import { moduleLabels } from "../chart/module-axis.ts";
import { alphaText, compact, mainMap, mapImages, networkTitle, papers, pointsRange } from "../chart/names.ts";
import type { ModuleMap } from "../results.ts";
import type { OfNetwork } from "./maps.ts";

/** Error on the way from the initial to the final weights of one module, without noise and under some. */
export function interpolation({ network, suffix, epsilons }: OfNetwork): Figure | AbsentFigure {
  const id = `interpolation${suffix}`;
  const title = `From initial to final weights under noise: ${networkTitle(network)}`;
  const drawn = network.modules.flatMap((module) => {
    const map = mainMap(module);
    return map === undefined ? [] : [{ name: module.name, map }];
  });
  if (drawn.length === 0) return { id, title, absent: "no maps were made, only robustness was asked for" };
  const epsilon = drawn[0]!.map.criticality[0]?.epsilon;
  const levels = noiseLevels(drawn[0]!.map.ratios);
  const caption = [
    `Error of the network with one module at (1 − α)·initial + α·final, all others final, minus the error of the final network; one line for each noise ratio r (in units of the root mean square of the module’s final weights). Initial: ${network.initial}.`,
    `Bands: 95 % intervals over noise draws, each on a block of ${mapImages([network])} images of its own; the same draws at all places, so that lines can be compared. One network, one run.`,
    ...(epsilon === undefined ? [] : [`Dashed line: ε = ${epsilons[0]?.text ?? compact(epsilon)}.`]),
    `Corresponds to the paths of ${papers.transfer} and ${papers.criticality}.`,
  ].join(" ");
  const labels = (letters: number) =>
    moduleLabels(
      drawn.map(({ name }) => name),
      letters,
    );
  const panels = (letters: number): LinePanel[] =>
    drawn.map(({ name, map }, at) => ({
      title: labels(letters)[at]!,
      series: levels.map((ratio, i) => ({
        style: styles(ratio, i),
        points: map.cells
          .filter((cell) => !cell.refined && cell.ratio === ratio)
          .toSorted((a, b) => a.alpha - b.alpha)
          .map((cell) => ({
            x: cell.alpha,
            value: cell.excess,
            tip: `${name}, α ${alphaText(cell.alpha)}, ${levelText(ratio)}\n${pointsRange(cell.excess)} points of error more\n${cell.draws} draws`,
          })),
      })),
    }));
  return {
    id,
    title,
    caption,
    csv: tableOf(drawn, levels),
    svg: (canvas) =>
      drawLines(
        canvas,
        panels(canvas.width === "wide" && drawn.length <= 8 ? 26 : 18),
        {
          domain: [0, 1],
          ticks: [0, 0.5, 1].map((x) => ({ x, text: alphaText(x) })),
          axes: ["across: α, 0 initial to 1 final weights", "up: error above the final network’s (points)"],
          ...(epsilon === undefined ? {} : { reference: epsilon }),
        },
        { title, description: caption },
      ),
  };
}

/** No noise, and four ratios of the grid, evenly spread over it: neither its least nor its largest. */
function noiseLevels(ratios: readonly number[]): number[] {
  const noisy = ratios.filter((ratio) => ratio > 0);
  const picked = [1, 2, 3, 4].flatMap((k) => noisy[Math.round((k * (noisy.length - 1)) / 5)] ?? []);
  return [...(ratios.includes(0) ? [0] : []), ...new Set(picked)];
}

function levelText(ratio: number): string {
  return ratio === 0 ? "no noise" : `r = ${compact(ratio)}`;
}

const looks: readonly Pick<SeriesStyle, "color" | "shape" | "dash">[] = [
  { color: "text", shape: "circle" },
  { color: "blue", shape: "circle", dash: "6,2" },
  { color: "green", shape: "diamond2", dash: "4,3" },
  { color: "purple", shape: "triangle2", dash: "2,2" },
  { color: "vermillion", shape: "square2", dash: "1,2" },
];

function styles(ratio: number, i: number): SeriesStyle {
  return { key: `level-${i}`, label: levelText(ratio), ...looks[i % looks.length]! };
}

function tableOf(
  drawn: readonly { readonly name: string; readonly map: ModuleMap }[],
  levels: readonly number[],
): string {
  return csvTable(
    ["module", "ratio", "alpha", "draws", "excess_error", "low95", "high95"],
    drawn.flatMap(({ name, map }) =>
      levels.flatMap((ratio) =>
        map.cells
          .filter((cell) => !cell.refined && cell.ratio === ratio)
          .map((cell) => [name, ratio, cell.alpha, cell.draws, ...csvInterval(cell.excess)]),
      ),
    ),
  );
}
