import { csvInterval } from "../../basin/chart/names.ts";
import { csvTable } from "../../figure/csv.ts";
import type { AbsentFigure, Figure } from "../../figure/figure.ts";
import { decimal, type Ranged } from "../../figure/numbers.ts";
import { type DepthPanel, type DepthValue, drawDepths } from "../chart/depth.ts";
import { moduleNames } from "../chart/module-axis.ts";
import { compact, compactRange, groupsOf, groupStyles, mainMap, mapImages, papers } from "../chart/names.ts";
import type { Criticality, GroupResult, NetworkResult, StudyCriticality } from "../results.ts";

/** Criticality and the radius of the ball, from input to output; groups of networks side by side. */
export function byDepth({
  networks,
  groups,
  epsilons,
}: Pick<StudyCriticality, "networks" | "groups" | "epsilons">): Figure | AbsentFigure {
  const id = "criticality-by-depth";
  const title = "Criticality and radius of the ball from input to output";
  const mapped = networks.filter(({ modules }) => modules.some(({ maps }) => maps.length > 0));
  if (mapped.length === 0) return { id, title, absent: "no maps were made, only robustness was asked for" };
  const names = moduleNames(mapped);
  const several = groupsOf(mapped).filter((one) => one.networks.length > 1);
  const counts = groupsOf(mapped).map(
    ({ group, networks: here }) =>
      `${here.length} ${here.length === 1 ? "network" : "networks"} ${words[group]}`,
  );
  const caption = [
    `Above: criticality μ(ε), the smallest α²‖θᶠ − θ⁰‖²/σ² that keeps the ${mapImages(mapped)} error within ε = ${epsilons[0]?.text ?? "that given"}; 0 means that the initial weights do as well, ∞ that no place of the map with noise is within ε. Below: the radius of the ball around the final weights, the largest noise ratio looked at that stays within ε; “<” is less than the least looked at.`,
    `${counts.join(", ")}.`,
    several.length > 0
      ? "Large marks: mean over networks with its 95 % interval over networks (Student’s t; missing where one network’s is infinite); small dots: single networks. A radius that reaches the end of the map counts as ending there. For a single network the interval is over noise draws."
      : "Intervals: 95 %, by resampling noise draws.",
    `Measure of ${papers.criticality}; that criticality grows towards the output in fine-tuned networks is a finding of ${papers.transfer}, to be compared with what is seen here.`,
  ].join(" ");
  return {
    id,
    title,
    caption,
    csv: tableOf(mapped, groups),
    svg: (canvas) =>
      drawDepths(
        canvas,
        names,
        [panelOf(mapped, groups, names, measures.mu), panelOf(mapped, groups, names, measures.radius)],
        { title, description: caption },
      ),
  };
}

const words = { "fine-tuned": "fine-tuned", "from scratch": "from scratch", given: "given" } as const;

/** A quantity of a module as the figure draws it. */
interface Measure {
  readonly title: string;
  readonly least: number;
  readonly zero: boolean;
  /** On the axis, with its interval. */
  of(one: Criticality): Ranged | null;
  /** Of a group's module. */
  together(one: GroupResult["modules"][number]): Ranged | null;
  /** The sign of a value the axis does not hold. */
  off(one: Criticality): NonNullable<DepthValue["off"]>;
  text(one: Criticality): string;
  meanText(logarithm: Ranged): string;
}

const measures: Readonly<Record<"mu" | "radius", Measure>> = {
  mu: {
    title: "criticality: log₁₀(1 + μ)",
    least: 1,
    zero: true,
    of({ mu: { value, low, high } }) {
      if (value === null) return null;
      const scale = (mu: number) => Math.log10(1 + mu);
      // Open upwards: drawn to the value itself, the tip says it.
      return { value: scale(value), low: scale(low ?? value), high: scale(high ?? value) };
    },
    together: ({ logMu }) => logMu,
    off: () => ({ end: "top", sign: "∞" }),
    text: ({ mu }) => `μ: ${compactRange(mu)}`,
    meanText: ({ value, low, high }) =>
      `mean log₁₀(1 + μ): ${decimal(value, 2)}${low === null || high === null ? "" : ` (${decimal(low, 2)} to ${decimal(high, 2)})`}`,
  },
  radius: {
    title: "radius of the ball: noise ratio r (logarithmic)",
    least: 1,
    zero: false,
    of({ radius: { ratio, low, high } }) {
      if (ratio === null || ratio === 0) return null;
      const scale = (value: number | null) => Math.log10(value === null || value === 0 ? ratio : value);
      return { value: Math.log10(ratio), low: scale(low), high: scale(high) };
    },
    together: ({ logRadius }) => logRadius,
    off: () => ({ end: "bottom", sign: "<" }),
    text: ({ radius }) => `radius: ${radiusText(radius)}`,
    meanText: ({ value, low, high }) =>
      `geometric mean of the radius: ${compact(10 ** value)}${low === null || high === null ? "" : ` (${compact(10 ** low)} to ${compact(10 ** high)})`}`,
  },
};

function radiusText({ ratio, low, high, beyond }: Criticality["radius"]): string {
  if (ratio === null || ratio === 0) return "less than the least ratio looked at";
  const range = compactRange({ value: ratio, low, high: high ?? ratio });
  return beyond ? `${range}, the largest looked at: it may reach further` : range;
}

function panelOf(
  networks: readonly NetworkResult[],
  groups: readonly GroupResult[],
  names: readonly string[],
  measure: Measure,
): DepthPanel {
  return {
    title: measure.title,
    least: measure.least,
    zero: measure.zero,
    ...(measure === measures.radius
      ? {
          tick: (value: number) => compact(Number((10 ** value).toPrecision(2))),
          ticks: decades,
        }
      : { tick: (value: number) => decimal(value, Number.isInteger(value) ? 0 : 1) }),
    series: groupsOf(networks).map(({ group, networks: here }) => ({
      style: groupStyles[group],
      joined: true,
      values: names.flatMap((name, module): DepthValue[] => {
        const found = here.flatMap((network) => {
          const own = network.modules.find((one) => one.name === name);
          const first = own && mainMap(own)?.criticality[0];
          return first === undefined ? [] : [{ network, first }];
        });
        if (found.length === 0) return [];
        const singles = found.flatMap(({ network, first }) => {
          const value = measure.of(first)?.value;
          return value === undefined
            ? []
            : [{ value, tip: `${name}, ${network.name}\n${measure.text(first)}` }];
        });
        if (here.length === 1) {
          const { network, first } = found[0]!;
          const tip = `${name}, ${network.name}\n${measure.text(first)}`;
          const value = measure.of(first);
          return [
            { module, value, ...(value === null ? { off: measure.off(first) } : {}), tip, singles: [] },
          ];
        }
        const together = groups.find((one) => one.group === group)?.modules.find((one) => one.name === name);
        const value = together === undefined ? null : measure.together(together);
        const missing = found.length - singles.length;
        const tip =
          value === null
            ? `${name}, ${missing} of ${found.length} networks ${words[group]}\n${measure.text(found.find(({ first }) => measure.of(first) === null)?.first ?? found[0]!.first)}`
            : `${name}, ${found.length} networks ${words[group]}\n${measure.meanText(value)}`;
        return [
          { module, value, ...(value === null ? { off: measure.off(found[0]!.first) } : {}), tip, singles },
        ];
      }),
    })),
  };
}

/** Ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, or the powers alone where those are enough. */
function decades([low, high]: readonly [number, number]): number[] {
  const powers = Array.from({ length: 25 }, (_, i) => i - 12);
  const within = (values: readonly number[]) => values.filter((one) => one >= low && one <= high);
  const tens = within(powers);
  return tens.length >= 3 ? tens : within(powers.flatMap((p) => [p, p + Math.log10(2), p + Math.log10(5)]));
}

function tableOf(networks: readonly NetworkResult[], groups: readonly GroupResult[]): string {
  return csvTable(
    [
      "of",
      "group",
      "module",
      "depth",
      "noise",
      "epsilon",
      "mu",
      "mu_low95",
      "mu_high95",
      "mu_infinite",
      "log10_1_plus_mu",
      "log_low95",
      "log_high95",
      "radius_ratio",
      "radius_low95",
      "radius_high95",
      "radius_beyond_map",
    ],
    [
      ...networks.flatMap((network) =>
        network.modules.flatMap((module) =>
          module.maps.flatMap((map) =>
            map.criticality.map((one) => [
              network.name,
              network.group,
              module.name,
              module.depth,
              map.noise,
              one.epsilon,
              one.mu.value,
              one.mu.low,
              one.mu.high,
              one.mu.value === null,
              ...csvInterval(measures.mu.of(one)),
              one.radius.ratio,
              one.radius.low,
              one.radius.high,
              one.radius.beyond,
            ]),
          ),
        ),
      ),
      ...groups.flatMap((group) =>
        group.modules.map((module) => {
          const epsilon = networks
            .flatMap((one) => one.modules.flatMap(({ maps }) => maps.flatMap((map) => map.criticality)))
            .at(0)?.epsilon;
          const radius = module.logRadius;
          return [
            `mean of ${group.networks.length}`,
            group.group,
            module.name,
            module.depth,
            "isotropic",
            epsilon ?? null,
            null,
            null,
            null,
            module.logMu === null,
            ...csvInterval(module.logMu),
            raised(radius?.value),
            raised(radius?.low),
            raised(radius?.high),
            null,
          ];
        }),
      ),
    ],
  );
}

function raised(logarithm: number | null | undefined): number | null {
  return logarithm === null || logarithm === undefined ? null : 10 ** logarithm;
}
