import type {
  Change,
  CriticalityResults,
  FreezeResult,
  Interval,
  NetworkResult,
  RewindResults,
} from "../criticality/results.ts";
import { table } from "./text.ts";

/** What `criticality` found, for a terminal: the words, then a table of modules for every network. */
export function criticalityText(results: CriticalityResults): string {
  const { networks, freeze } = results;
  return [
    results.words.join("\n"),
    ...networks.map((network) => `${network.name}, back to ${network.initial}:\n${moduleTable(network)}`),
    legend(results),
    ...(freeze === undefined ? [] : [freezeText(freeze)]),
  ].join("\n\n");
}

/** What the tables' numbers are. */
function legend({ epsilons, data, networks }: CriticalityResults): string {
  const { train, test } = data;
  const maps = train > 0 ? `${train} training` : `${test} test`;
  const changes = test > 0 ? `${test} test` : `${train} training`;
  const rates = networks.some(({ modules }) => modules.some(({ advice }) => !advice.freeze));
  return [
    `μ and radius (in units of the weights' root mean square): at ε = ${epsilons[0]!.text}, on ${maps} images;`,
    `set back, drawn anew: points of error more than the final network, on ${changes} images.`,
    ...(rates ? ["rate ×: learning rate for a module, as a share of the largest."] : []),
  ].join("\n");
}

function moduleTable({ modules }: NetworkResult): string {
  return table(
    ["module", "parameters", "μ", "radius", "set back", "drawn anew", "advice"],
    modules.map(({ name, parameters, maps, rewound, rerandomised, advice }) => {
      const first = maps[0]?.criticality[0];
      return [
        name,
        String(parameters),
        first === undefined ? "" : number(first.mu.value),
        first === undefined ? "" : radius(first.radius),
        points(rewound),
        points(rerandomised),
        [
          ...(advice.freeze ? ["freeze"] : []),
          ...(advice.rewind ? ["rewind"] : []),
          ...(advice.prune ? ["prune"] : []),
          ...(advice.freeze ? [] : [`rate × ${short(advice.rate)}`]),
        ].join(", "),
      ];
    }),
  );
}

/** The list that was written, and what following it did. */
function freezeText({ modules, share, tried, file }: FreezeResult): string {
  if (modules.length === 0) return "No module could be shown to need no training.";
  const lines = [
    `Need no training together: ${modules.join(", ")} (${(100 * share).toFixed(0)} % of the parameters)${file === undefined ? "" : `; written to ${file}`}.`,
  ];
  if (tried !== undefined) {
    lines.push(
      table(
        ["training", "test accuracy", "seconds", "parameters trained"],
        tried.rows.map(({ what, accuracy, seconds, trained }) => [
          what,
          `${range(accuracy, 100)} %`,
          range(seconds, 1),
          String(trained),
        ]),
      ),
      `Frozen minus full: ${range(tried.accuracy, 100)} points of accuracy; a full run takes ${range(tried.speed, 1, 2)} times as long.`,
    );
  }
  return lines.join("\n");
}

/** What `rewind` found, for a terminal: the words, then excess errors by module and step. */
export function rewindText(results: RewindResults): string {
  return [
    results.words.join("\n"),
    ...results.networks.map(({ name, steps, modules }) =>
      [
        `${name}: points of error more than the final network, with one module as it was at a step (test images where there are any):`,
        table(
          ["module", ...steps.map((step) => `step ${step}`), "drawn anew"],
          modules.map((module) => [
            module.name,
            ...module.changes.map((changes) => points(changes)),
            points(module.rerandomised),
          ]),
        ),
      ].join("\n"),
    ),
  ].join("\n\n");
}

/** Excess error in points, on test images where there are any. */
function points(changes: readonly Change[]): string {
  const change = changes.find(({ split }) => split === "test") ?? changes[0];
  if (change === undefined) return "";
  const value = (100 * change.excess.value).toFixed(1);
  return value.startsWith("-") ? (value === "-0.0" ? "0.0" : value) : value === "0.0" ? value : `+${value}`;
}

function number(value: number | null): string {
  return value === null ? "∞" : short(value);
}

/** In units of the weights' root mean square. */
function radius({ ratio, beyond }: { readonly ratio: number | null; readonly beyond: boolean }): string {
  return ratio === null ? "none" : `${beyond ? "≥ " : ""}${short(ratio)}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function range({ value, low, high }: Interval, scale: number, digits = 1): string {
  const show = (x: number): string => (scale * x).toFixed(digits);
  return low === null || high === null ? show(value) : `${show(value)} [${show(low)}, ${show(high)}]`;
}
