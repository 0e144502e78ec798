import { csvInterval } from "../../basin/chart/names.ts";
import { drawHeat, type HeatCell } from "../../basin/chart/heat.ts";
import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal, grouped } from "../../figure/numbers.ts";
import { moduleLabels } from "../chart/module-axis.ts";
import { networkTitle, papers, pointsRange, testChange } from "../chart/names.ts";
import type { Change, RewindResults } from "../results.ts";

/** A network whose modules were set to earlier values. */
export interface OfRewound {
  readonly network: RewindResults["networks"][number];
  /** Appended to the figure's id where there are several networks; else empty. */
  readonly suffix: string;
}

/** The error when one module is as it was at an earlier moment of training: modules by checkpoints. */
export function rewinding({ network, suffix }: OfRewound): Figure | AbsentFigure {
  const id = `rewinding${suffix}`;
  const title = `Modules set back along training: ${networkTitle(network)}`;
  const { modules, steps, total, final } = network;
  if (modules.length === 0 || steps.length === 0) return { id, title, absent: "no checkpoint was kept" };
  const own = final.find(({ split }) => split === "test") ?? final[0];
  const fresh = modules.some(({ rerandomised }) => rerandomised.length > 0);
  const split = testChange(modules[0]!.changes[0] ?? [])?.split === "train" ? "training" : "test";
  const caption = [
    `Each number: error (%) on ${split} images when one module has the values it had at that optimiser step, all others the final ones${own === undefined ? "" : `; the final network’s is ${decimal(100 * own.error.value, 1)} %`}.`,
    `Columns: ${fresh ? "a fresh draw from the initial distribution, then " : ""}kept checkpoints of one run of ${grouped(total)} steps, not evenly spaced; 95 % intervals over images are in the tips and the table.`,
    `Corresponds to checkpoint-k robustness of ${papers.layers}.`,
  ].join(" ");
  const columns = [...(fresh ? ["fresh"] : []), ...steps.map((step) => grouped(step))];
  const rows = modules.map(({ changes, rerandomised }) =>
    [...(fresh ? [rerandomised] : []), ...changes].map(testChange),
  );
  const excess = rows.flat().map((change) => change?.excess.value ?? 0);
  const most = Math.max(0.02, ...excess);
  const cells = rows.flatMap((row, i) =>
    row.flatMap((change, column): HeatCell[] =>
      change === undefined
        ? []
        : [
            {
              row: i,
              column,
              // Small excesses are what tells modules apart: the root shows them.
              strength: Math.sqrt(Math.max(0, change.excess.value) / most),
              text: decimal(100 * change.error.value, change.error.value < 0.0995 ? 1 : 0),
              short: decimal(100 * change.error.value, 0),
              tip: `${modules[i]!.name}, ${fresh && column === 0 ? "drawn afresh" : `as at step ${columns[column]!}`}\nerror: ${pointsRange(change.error)} %\n${pointsRange(change.excess)} points more than the final network`,
            },
          ],
    ),
  );
  return {
    id,
    title,
    caption,
    csv: tableOf(network),
    svg: (canvas) =>
      drawHeat(
        canvas,
        {
          rows: moduleLabels(
            modules.map(({ name }) => name),
            canvas.width === "wide" ? 26 : 14,
          ),
          columns,
          cells,
          axis: "optimiser step the module is set to; numbers: error (%)",
        },
        { title, description: caption },
      ),
  };
}

function tableOf({ name, modules, steps }: OfRewound["network"]): string {
  const fields = (change: Change) => [
    change.split,
    change.images,
    ...csvInterval(change.error),
    ...csvInterval(change.excess),
    change.loss,
  ];
  return csvTable(
    [
      "network",
      "module",
      "depth",
      "path",
      "step",
      "alpha",
      "split",
      "images",
      "error",
      "error_low95",
      "error_high95",
      "excess_error",
      "excess_low95",
      "excess_high95",
      "loss_nats",
    ],
    modules.flatMap((module) => {
      const of = [name, module.name, module.depth];
      return [
        ...module.rerandomised.map((change) => [...of, "fresh", null, null, ...fields(change)]),
        ...module.changes.flatMap((changes, i) =>
          changes.map((change) => [...of, "training", steps[i]!, null, ...fields(change)]),
        ),
        ...module.direct.flatMap(({ alpha, changes }, i) =>
          changes.map((change) => [...of, "direct", steps[i] ?? null, alpha, ...fields(change)]),
        ),
      ];
    }),
  );
}
