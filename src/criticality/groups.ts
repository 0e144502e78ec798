import { mean, meanInterval } from "../tensor/stats.ts";
import type { GroupResult, Interval, NetworkResult } from "./results.ts";

/**
 * Networks of one kind together, module by module: means over networks with Student's intervals over networks. A kind with
 * one network is no group.
 */
export function groupResults(networks: readonly NetworkResult[]): GroupResult[] {
  return (["fine-tuned", "from scratch", "given"] as const).flatMap((group): GroupResult[] => {
    const own = networks.filter((one) => one.group === group);
    if (own.length < 2) return [];
    return [
      {
        group,
        networks: own.map(({ name }) => name),
        modules: own[0]!.modules.map(({ name, depth }, i) => {
          const here = own.map(({ modules }) => modules[i]!);
          const first = here.map(({ maps }) => maps[0]?.criticality[0]);
          const rewound = here.map(
            (module) =>
              (module.rewound.find(({ split }) => split === "train") ?? module.rewound[0])?.excess.value ?? 0,
          );
          return {
            name,
            depth,
            logMu: finite(
              first.map((one) => {
                const mu = one?.mu.value ?? null;
                return mu === null ? null : Math.log10(1 + mu);
              }),
            ),
            logRadius: finite(
              first.map((one) => {
                const ratio = one?.radius.ratio ?? null;
                return ratio === null || ratio === 0 ? null : Math.log10(ratio);
              }),
            ),
            rewound: over(rewound),
          };
        }),
        order: {
          criticality: correlation(own.map(({ order }) => order.criticality?.value ?? null)),
          rewound: correlation(own.map(({ order }) => order.rewound?.value ?? null)),
        },
      },
    ];
  });
}

/** Mean of rank correlations over networks; Student's interval, cut where none can be. */
function correlation(values: readonly (number | null)[]): Interval | null {
  const found = finite(values);
  if (found === null || found.low === null || found.high === null) return found;
  return { value: found.value, low: Math.max(-1, found.low), high: Math.min(1, found.high) };
}

/** Mean over networks; null where one has none. */
function finite(values: readonly (number | null)[]): Interval | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : over(known);
}

function over(values: readonly number[]): Interval {
  const range = meanInterval(values, 0.95);
  return { value: mean(values), low: range?.low ?? null, high: range?.high ?? null };
}
