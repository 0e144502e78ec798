import { csvInterval } from "../../basin/chart/names.ts";
import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Canvas, Figure } from "../../figure/figure.ts";
import { excessBands } from "../chart/bands.ts";
import { drawMaps, type MapPanel } from "../chart/map-panels.ts";
import { moduleLabels } from "../chart/module-axis.ts";
import { compact, mainMap, mapImages, networkTitle, papers } from "../chart/names.ts";
import type { Criticality, CriticalityResults, ModuleMap, ModuleResult, NetworkResult } from "../results.ts";

/** What a figure of one network needs to know of the others. */
export interface OfNetwork {
  readonly network: NetworkResult;
  /** Appended to the figure's id where there are several networks; else empty. */
  readonly suffix: string;
  readonly epsilons: CriticalityResults["epsilons"];
}

/** Every module's map: the error over the place between initial and final weights and the noise on it. */
export function maps({ network, suffix, epsilons }: OfNetwork): Figure | AbsentFigure {
  const id = `maps${suffix}`;
  const title = `Where each module may be: ${networkTitle(network)}`;
  const drawn = network.modules.flatMap((module) => {
    const map = mainMap(module);
    return map === undefined ? [] : [{ module, map, criticality: map.criticality[0] }];
  });
  if (drawn.length === 0) return { id, title, absent: "no maps were made, only robustness was asked for" };
  const epsilon = drawn[0]!.criticality?.epsilon ?? 0;
  const most = Math.max(...drawn.flatMap(({ map }) => map.cells.map(({ excess }) => excess.value)));
  const draws = drawn.flatMap(({ map }) => map.cells.map((cell) => cell.draws));
  const [least, largest] = [Math.min(...draws), Math.max(...draws)];
  const caption = [
    `One map a module, from input to output. All other modules have their final values; this one is (1 − α)·initial + α·final plus Gaussian noise of ratio r, in units of the root mean square of its final weights. Initial: ${network.initial}.`,
    `Colour: error minus that of the unchanged network, the mean over ${least === largest ? least : `${least} to ${largest}`} noise draws, each on a block of ${mapImages([network])} images of its own. The line is the edge of the places whose mean is within ε = ${epsilons[0]?.text ?? compact(epsilon)}; a dot marks a place whose 95 % interval holds both answers; the diamond is where the criticality μ = min α²‖θᶠ − θ⁰‖²/σ² is reached, which was sought between the places of the grid too.`,
    `One network, one run. Corresponds to the maps of ${papers.criticality} and of the transfer study of ${papers.transfer}.`,
  ].join(" ");
  const labels = ({ width }: Canvas) =>
    moduleLabels(
      drawn.map(({ module }) => module.name),
      width === "wide" && drawn.length <= 8 ? 24 : 17,
    );
  return {
    id,
    title,
    caption,
    csv: tableOf(network, drawn),
    svg: (canvas) =>
      drawMaps(
        canvas,
        drawn.map((one, i) => panelOf(one, labels(canvas)[i]!)),
        excessBands(epsilon, most),
        { title, description: caption },
      ),
  };
}

function panelOf(
  {
    module,
    map,
    criticality,
  }: { module: ModuleResult; map: ModuleMap; criticality: Criticality | undefined },
  title: string,
): MapPanel {
  return {
    title,
    name: module.name,
    detail: criticality === undefined ? "" : muText(criticality),
    alphas: map.alphas,
    ratios: map.ratios,
    cells: map.cells,
    epsilon: criticality?.epsilon ?? 0,
    at: criticality?.at,
  };
}

/** "μ = 530", "μ = 0: rewinds", "μ infinite". */
function muText({ mu }: Criticality): string {
  if (mu.value === null) return "μ infinite";
  return mu.value === 0 ? "μ = 0: rewinds" : `μ = ${compact(mu.value)}`;
}

function tableOf(
  network: NetworkResult,
  drawn: readonly { readonly module: ModuleResult; readonly map: ModuleMap }[],
): string {
  return csvTable(
    [
      "network",
      "module",
      "depth",
      "noise",
      "alpha",
      "ratio",
      "refined",
      "draws",
      "images",
      "excess_error",
      "low95",
      "high95",
      "excess_loss_nats",
      "loss_low95",
      "loss_high95",
      "within_epsilon",
      "is_minimum",
    ],
    drawn.flatMap(({ module, map }) => {
      const at = map.criticality[0]?.at;
      return map.cells.map((cell) => [
        network.name,
        module.name,
        module.depth,
        map.noise,
        cell.alpha,
        cell.ratio,
        cell.refined,
        cell.draws,
        cell.images,
        ...csvInterval(cell.excess),
        ...csvInterval(cell.lossExcess),
        cell.within,
        at !== undefined && at.alpha === cell.alpha && at.ratio === cell.ratio,
      ]);
    }),
  );
}
