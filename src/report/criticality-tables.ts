import { cutMiddle } from "../basin/chart/names.ts";
import { alphaText, compact, mainMap, networkTitle } from "../criticality/chart/names.ts";
import type {
  Change,
  CriticalityResults,
  GroupResult,
  MaybeInfinite,
  ModuleMap,
  NetworkResult,
  RewindResults,
} from "../criticality/results.ts";
import { decimal, grouped, type Ranged } from "../figure/numbers.ts";
import { type Html, markup } from "./html.ts";

const none = markup`<span title="not looked at">–</span>`;

interface Column {
  readonly name: string;
  readonly text?: boolean;
}

/** A table: headings (text columns marked), rows of cells. */
function table(columns: readonly Column[], rows: readonly (readonly Html[])[]): Html {
  const kind = (i: number) => (columns[i]!.text === true ? markup` class="text"` : markup``);
  return markup`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${columns.map(({ name }, i) => markup`<th${kind(i)}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map((row) => markup`<tr>${row.map((one, i) => markup`<td${kind(i)}>${one}</td>`)}</tr> `)}
      </tbody>
    </table>
  </div>`;
}

const points = (value: number) => decimal(100 * value, 1);

function ranged(interval: Ranged | null | undefined, format: (value: number) => string): Html {
  if (interval === null || interval === undefined) return none;
  const { value, low, high } = interval;
  return low === null || high === null
    ? markup`${format(value)}`
    : markup`${format(value)}<small>${format(low)} to ${format(high)}</small>`;
}

function maybe(number: MaybeInfinite | undefined, reason?: string): Html {
  if (number === undefined) return none;
  const { value, low, high } = number;
  if (value === null) return markup`<span title="${reason ?? "nothing is within ε"}">∞</span>`;
  if ((low === null && high === null) || (low === value && high === value)) return markup`${compact(value)}`;
  return markup`${compact(value)}<small>${compact(low ?? value)} to ${high === null ? "∞" : compact(high)}</small>`;
}

function radius(map: ModuleMap | undefined): Html {
  const edge = map?.criticality[0]?.radius;
  if (edge === undefined) return none;
  if (edge.ratio === null || edge.ratio === 0)
    return markup`<span title="less than the least looked at">none</span>`;
  const more = edge.beyond ? "≥ " : "";
  return markup`${more}${compact(edge.ratio)}${edge.low === null ? markup`` : markup`<small>${compact(edge.low)} to ${edge.beyond ? "?" : compact(edge.high ?? edge.ratio)}</small>`}`;
}

function excess(changes: readonly Change[], split: Change["split"]): Html {
  return ranged(changes.find((one) => one.split === split)?.excess, points);
}

/** One line a module of a network: its measures and what to do with it. */
export function moduleTable({ modules }: NetworkResult): Html {
  const mapped = modules.some(({ maps }) => maps.length > 0);
  const free = modules.some(({ maps }) => maps.some(({ noise }) => noise === "per-tensor"));
  const split = modules.some(({ rewound }) => rewound.some((one) => one.split === "train"))
    ? "train"
    : "test";
  const of = split === "train" ? "training" : "test";
  return table(
    [
      { name: "module", text: true },
      { name: "advice", text: true },
      ...(mapped
        ? [
            { name: "criticality μ" },
            ...(free ? [{ name: "μ, noise per tensor" }] : []),
            { name: "radius of the ball (ratio)" },
          ]
        : []),
      { name: `rewound: ${of} error + (points)` },
      { name: "re-random: + (points)" },
      { name: "zero: + (points)" },
    ],
    modules.map((module) => {
      const map = mainMap(module);
      const scaled = module.maps.find(({ noise }) => noise === "per-tensor");
      const first = map?.criticality[0];
      const { freeze, rewind, prune, rate, why } = module.advice;
      const does = [
        ...(freeze ? ["freeze"] : []),
        ...(rewind ? ["rewind"] : []),
        ...(prune ? ["prune"] : []),
      ];
      return [
        markup`<span title="${module.name}">${cutMiddle(module.name, 30)}</span><small>${grouped(module.parameters)} ${module.parameters === 1 ? "parameter" : "parameters"}</small>`,
        markup`<span title="${why}">${does.length === 0 ? "train" : does.join(", ")}</span><small>rate × ${decimal(rate, 2)}</small>`,
        ...(mapped
          ? [
              maybe(first?.mu, first?.reason),
              ...(free
                ? [maybe(scaled?.criticality[0]?.mu ?? first?.mu, scaled?.criticality[0]?.reason)]
                : []),
              radius(map),
            ]
          : []),
        excess(module.rewound, split),
        excess(module.rerandomised, split),
        excess(module.zeroed, split),
      ];
    }),
  );
}

/** One line a network: error, sum of μ, order. */
export function networkTable({ networks }: Pick<CriticalityResults, "networks">): Html {
  const timed = networks.some(({ seconds }) => seconds !== undefined);
  return table(
    [
      { name: "network", text: true },
      { name: "initial weights", text: true },
      { name: "train error (%)" },
      { name: "test error (%)" },
      { name: "Σμ" },
      { name: "PAC-Bayes gap" },
      { name: "τ, criticality" },
      { name: "τ, rewound" },
      ...(timed ? [{ name: "seconds" }] : []),
    ],
    networks.map((network) => {
      const total = network.total[0];
      const error = (split: "train" | "test") =>
        ranged(network.final.find((one) => one.split === split)?.error, points);
      const tau = (value: number) => decimal(value, 2);
      return [
        markup`<span title="${network.name}">${cutMiddle(networkTitle(network), 34)}</span><small><code>${network.cell.slice(0, 12)}</code></small>`,
        markup`<span class="wrap">${network.initial}</span>`,
        error("train"),
        error("test"),
        total === undefined ? none : maybe(total, `infinite at ${total.infinite.join(", ")}`),
        total === undefined || total.gap === null
          ? none
          : markup`<span title="${total.gap > 1 ? "above 1: says nothing" : "difference of errors, a share"}">${decimal(total.gap, 2)}</span>`,
        ranged(network.order.criticality, tau),
        ranged(network.order.rewound, tau),
        ...(timed ? [network.seconds === undefined ? none : markup`${grouped(network.seconds)}`] : []),
      ];
    }),
  );
}

/** One line a module, groups of networks side by side: means over networks. */
export function groupTable(groups: readonly GroupResult[]): Html {
  const names = [...new Set(groups.flatMap(({ modules }) => modules.map(({ name }) => name)))];
  const mapped = groups.some(({ modules }) => modules.some(({ logMu }) => logMu !== null));
  const of = ({ group, networks }: GroupResult) => `${group} (${networks.length})`;
  return table(
    [
      { name: "module", text: true },
      ...groups.flatMap((group) => [
        ...(mapped ? [{ name: `${of(group)}: log₁₀(1 + μ)` }, { name: "radius (ratio)" }] : []),
        { name: mapped ? "rewound: + (points)" : `${of(group)}: rewound: + (points)` },
      ]),
    ],
    names.map((name) => [
      markup`<span title="${name}">${cutMiddle(name, 30)}</span>`,
      ...groups.flatMap(({ modules }) => {
        const own = modules.find((one) => one.name === name);
        const infinite = markup`<span title="infinite for at least one network">∞</span>`;
        if (own === undefined) return mapped ? [none, none, none] : [none];
        return [
          ...(mapped
            ? [
                own.logMu === null ? infinite : ranged(own.logMu, (value) => decimal(value, 2)),
                ranged(own.logRadius, (value) => compact(10 ** value)),
              ]
            : []),
          ranged(own.rewound, points),
        ];
      }),
    ]),
  );
}

/** Every number of a network's modules at every ε and noise. */
export function criticalityTable({ modules }: NetworkResult): Html {
  return table(
    [
      { name: "module", text: true },
      { name: "noise", text: true },
      { name: "ε (points)" },
      { name: "μ" },
      { name: "KL (nats)" },
      { name: "reached at α" },
      { name: "and ratio" },
      { name: "radius (ratio)" },
      { name: "places" },
      { name: "RMS" },
      { name: "distance" },
      { name: "relative" },
    ],
    modules.flatMap((module) =>
      module.maps.flatMap((map) =>
        map.criticality.map((one) => [
          markup`<span title="${module.name}">${cutMiddle(module.name, 30)}</span>`,
          markup`${map.noise}`,
          markup`${decimal(100 * one.epsilon, 2)}`,
          maybe(one.mu, one.reason),
          maybe(one.kl, one.reason),
          one.at === undefined ? none : markup`${alphaText(one.at.alpha)}`,
          one.at === undefined ? none : markup`${compact(one.at.ratio)}`,
          radius({ ...map, criticality: [one] }),
          markup`${map.cells.length}`,
          markup`${compact(module.rms)}`,
          markup`${compact(module.distance)}`,
          markup`${compact(module.relativeDistance)}`,
        ]),
      ),
    ),
  );
}

/** Every replacement of a network's modules, on both splits. */
export function replacementTable({ modules }: NetworkResult): Html {
  const kinds = [
    ["rewound", "rewound"],
    ["re-randomised", "rerandomised"],
    ["all zero", "zeroed"],
  ] as const;
  return table(
    [
      { name: "module", text: true },
      { name: "replaced", text: true },
      { name: "split", text: true },
      { name: "images" },
      { name: "error (%)" },
      { name: "excess (points)" },
      { name: "loss (nats)" },
    ],
    modules.flatMap((module) =>
      kinds.flatMap(([label, kind]) =>
        module[kind].map((change) => [
          markup`<span title="${module.name}">${cutMiddle(module.name, 30)}</span>`,
          markup`${label}`,
          markup`${change.split}`,
          markup`${grouped(change.images)}`,
          ranged(change.error, points),
          ranged(change.excess, points),
          change.loss === null ? none : markup`${decimal(change.loss, 3)}`,
        ]),
      ),
    ),
  );
}

/** One line a module and checkpoint of a rewound network. */
export function rewindTable({ modules, steps }: RewindResults["networks"][number]): Html {
  return table(
    [
      { name: "module", text: true },
      { name: "step" },
      { name: "split", text: true },
      { name: "error (%)" },
      { name: "excess (points)" },
      { name: "straight: α" },
      { name: "straight: excess (points)" },
    ],
    modules.flatMap((module) =>
      steps.flatMap((step, i) =>
        (module.changes[i] ?? []).map((change) => {
          const direct = module.direct[i];
          return [
            markup`<span title="${module.name}">${cutMiddle(module.name, 30)}</span>`,
            markup`${grouped(step)}`,
            markup`${change.split}`,
            ranged(change.error, points),
            ranged(change.excess, points),
            direct === undefined ? none : markup`${alphaText(direct.alpha)}`,
            direct === undefined ? none : excess(direct.changes, change.split),
          ];
        }),
      ),
    ),
  );
}
