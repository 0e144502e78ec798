import { csvInterval } from "../../basin/chart/names.ts";
import { csvTable } from "../../figure/csv.ts";
import type { SeriesStyle } from "../../figure/draw.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal, type Ranged } from "../../figure/numbers.ts";
import { mean, meanInterval } from "../../tensor/stats.ts";
import { type DepthPanel, type DepthValue, drawDepths } from "../chart/depth.ts";
import { moduleNames } from "../chart/module-axis.ts";
import { groupsOf, groupStyles, papers, pointsRange, testChange } from "../chart/names.ts";
import type { Change, CriticalityResults, ModuleResult, NetworkResult } from "../results.ts";

type Kind = "rewound" | "rerandomised" | "zeroed";

const styles: Readonly<Record<Kind, SeriesStyle>> = {
  rewound: {
    key: "rewound",
    label: "rewound to initial",
    color: "blue",
    shape: "circle",
    unlined: true,
  },
  rerandomised: {
    key: "rerandomised",
    label: "re-randomised",
    color: "vermillion",
    shape: "square2",
    unlined: true,
  },
  zeroed: { key: "zeroed", label: "all zero", color: "green", shape: "triangle2", unlined: true },
};

const kinds = ["rewound", "rerandomised", "zeroed"] as const;

/** The error when one module is set back, drawn afresh or zeroed. */
export function robustness({
  networks,
  data,
}: Pick<CriticalityResults, "networks" | "data">): Figure | AbsentFigure {
  const id = "robustness";
  const title = "One module set back, drawn afresh or zeroed";
  const looked = networks.filter(({ modules }) =>
    modules.some((module) => kinds.some((kind) => module[kind].length > 0)),
  );
  if (looked.length === 0) return { id, title, absent: "no module was replaced" };
  const names = moduleNames(looked);
  const groups = groupsOf(looked);
  const several = groups.some((one) => one.networks.length > 1);
  const split = networks.some(({ modules }) =>
    modules.some((module) => kinds.some((kind) => testChange(module[kind])?.split === "test")),
  )
    ? "test"
    : "training";
  const caption = [
    `Error on ${split} images when one module, all others final, is set back to its initial values (rewound), replaced by fresh draws from the distribution it was initialised from (re-randomised), or by zeros.`,
    several
      ? "Means over networks with 95 % intervals over networks (Student’s t), small dots are single networks; of a single network: 95 % over images, and over draws too for fresh ones."
      : "Intervals: 95 % over images, and over draws too for fresh ones.",
    `Dashed: error of the final network${data.classes === undefined ? "" : ", and of guessing (chance)"}. Corresponds to re-initialisation and re-randomisation robustness of ${papers.layers}.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: tableOf(looked),
    svg: (canvas) =>
      drawDepths(
        canvas,
        names,
        groups.map(({ group, networks: here }) =>
          panelOf(`${titleOf(group, here)}: ${split} error (%)`, names, here, data.classes),
        ),
        { title, description: caption },
      ),
  };
}

function titleOf(group: NetworkResult["group"], networks: readonly NetworkResult[]): string {
  return networks.length === 1 && group === "given"
    ? networks[0]!.name.replace(/^.*\//, "")
    : groupStyles[group].label;
}

function panelOf(
  title: string,
  names: readonly string[],
  networks: readonly NetworkResult[],
  classes: number | undefined,
): DepthPanel {
  const finals = networks.flatMap(
    ({ final }) => (final.find(({ split }) => split === "test") ?? final[0])?.error.value ?? [],
  );
  const used = kinds.filter((kind) =>
    networks.some(({ modules }) => modules.some((module) => module[kind].length > 0)),
  );
  return {
    title,
    tick: (value) => decimal(100 * value, 0),
    zero: true,
    least: 0.05,
    references: [
      ...(finals.length === 0
        ? []
        : [{ value: mean(finals), label: networks.length === 1 ? "final network" : "final networks" }]),
      ...(classes === undefined ? [] : [{ value: 1 - 1 / classes, label: "chance" }]),
    ],
    series: used.map((kind) => ({
      style: styles[kind],
      joined: false,
      values: names.flatMap((name, module) => valueOf(networks, name, module, kind)),
    })),
  };
}

function valueOf(networks: readonly NetworkResult[], name: string, module: number, kind: Kind): DepthValue[] {
  const found = networks.flatMap((network) => {
    const own: ModuleResult | undefined = network.modules.find((one) => one.name === name);
    const change = own && testChange(own[kind]);
    return change === undefined ? [] : [{ network, change }];
  });
  if (found.length === 0) return [];
  const tip = ({ network, change }: { network: NetworkResult; change: Change }) =>
    `${name} ${styles[kind].label}, ${network.name}\nerror: ${pointsRange(change.error)} %\n${pointsRange(change.excess)} points more`;
  if (networks.length === 1)
    return [{ module, value: found[0]!.change.error, tip: tip(found[0]!), singles: [] }];
  const errors = found.map(({ change }) => change.error.value);
  const around = meanInterval(errors, 0.95);
  const value: Ranged = { value: mean(errors), low: around?.low ?? null, high: around?.high ?? null };
  return [
    {
      module,
      value,
      tip: `${name} ${styles[kind].label}\nerror: ${pointsRange(value)} %, mean of ${found.length} networks`,
      singles: found.map((one) => ({ value: one.change.error.value, tip: tip(one) })),
    },
  ];
}

function tableOf(networks: readonly NetworkResult[]): string {
  return csvTable(
    [
      "network",
      "group",
      "module",
      "depth",
      "replaced_by",
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
    networks.flatMap((network) =>
      network.modules.flatMap((module) =>
        kinds.flatMap((kind) =>
          module[kind].map((change) => [
            network.name,
            network.group,
            module.name,
            module.depth,
            kind,
            change.split,
            change.images,
            ...csvInterval(change.error),
            ...csvInterval(change.excess),
            change.loss,
          ]),
        ),
      ),
    ),
  );
}
