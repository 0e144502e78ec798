import { groupsOf, mainMap, trainingChange } from "./chart/names.ts";
import type { CriticalityResults, GroupResult, Interval, MaybeInfinite, NetworkResult } from "./results.ts";

/** What words say of one module of a network, or of a group's networks together. */
export interface ModuleFacts {
  readonly name: string;
  readonly depth: number;
  /** Undefined when no map was made; of a group the geometric mean of 1 + μ, less 1. */
  readonly mu: MaybeInfinite | undefined;
  /** Why μ is infinite. */
  readonly reason: string | undefined;
  /** Noise ratio at α = 1; null: none with noise. Undefined when no map was made. */
  readonly radius:
    | {
        readonly value: number | null;
        readonly low: number | null;
        readonly high: number | null;
        readonly beyond: boolean;
      }
    | undefined;
  /** Excess error when set back, on training images where there are any. */
  readonly rewound: Interval | undefined;
  readonly advice: { readonly freeze: number; readonly rewind: number; readonly prune: number };
}

/** One network, or several of one kind: what a sentence is about. */
export interface Side {
  readonly group: NetworkResult["group"];
  readonly networks: readonly NetworkResult[];
  /** As it begins a sentence, plural or not: "3 fine-tuned networks", "P-T-seed-0". */
  readonly label: string;
  readonly modules: readonly ModuleFacts[];
  readonly order: NetworkResult["order"];
}

/** The sides of results, fine-tuned first: of several networks of a kind, the group's means. */
export function sidesOf({ networks, groups }: Pick<CriticalityResults, "networks" | "groups">): Side[] {
  return groupsOf(networks).flatMap(({ group, networks: here }): Side[] => {
    const together = groups.find((one) => one.group === group);
    if (here.length === 1 || together === undefined) return here.map((network) => alone(network));
    return [
      {
        group,
        networks: here,
        label: `${here.length} ${group === "from scratch" ? "networks from scratch" : `${group} networks`}`,
        modules: together.modules.map((module) => factsOfGroup(module, here)),
        order: together.order,
      },
    ];
  });
}

function alone(network: NetworkResult): Side {
  const name = network.name.replace(/^.*\//, "").replace(/\.(onnx|safetensors)$/, "");
  return {
    group: network.group,
    networks: [network],
    label:
      network.group === "given"
        ? name
        : `the ${network.group === "fine-tuned" ? "fine-tuned network" : "network from scratch"} ${name}`,
    modules: network.modules.map((module) => {
      const first = mainMap(module)?.criticality[0];
      return {
        name: module.name,
        depth: module.depth,
        mu: first?.mu,
        reason: first?.reason,
        radius: first && {
          value: first.radius.ratio === 0 ? null : first.radius.ratio,
          low: first.radius.low,
          high: first.radius.high,
          beyond: first.radius.beyond,
        },
        rewound: trainingChange(module.rewound)?.excess,
        advice: {
          freeze: Number(module.advice.freeze),
          rewind: Number(module.advice.rewind),
          prune: Number(module.advice.prune),
        },
      };
    }),
    order: network.order,
  };
}

function factsOfGroup(
  { name, depth, logMu, logRadius, rewound }: GroupResult["modules"][number],
  networks: readonly NetworkResult[],
): ModuleFacts {
  const own = networks.flatMap(({ modules }) => modules.find((one) => one.name === name) ?? []);
  const mapped = own.some(({ maps }) => maps.length > 0);
  const undo = (scale: (x: number) => number, { value, low, high }: Interval) => ({
    value: scale(value),
    low: low === null ? null : Math.max(0, scale(low)),
    high: high === null ? null : scale(high),
  });
  const count = (test: (module: (typeof own)[number]) => boolean) => own.filter(test).length;
  return {
    name,
    depth,
    mu: !mapped
      ? undefined
      : logMu === null
        ? { value: null, low: null, high: null }
        : undo((x) => 10 ** x - 1, logMu),
    reason: own.flatMap((module) => mainMap(module)?.criticality[0]?.reason ?? [])[0],
    radius: !mapped
      ? undefined
      : logRadius === null
        ? { value: null, low: null, high: null, beyond: false }
        : {
            ...undo((x) => 10 ** x, logRadius),
            beyond: own.every((module) => mainMap(module)?.criticality[0]?.radius.beyond === true),
          },
    rewound,
    advice: {
      freeze: count(({ advice }) => advice.freeze),
      rewind: count(({ advice }) => advice.rewind),
      prune: count(({ advice }) => advice.prune),
    },
  };
}
