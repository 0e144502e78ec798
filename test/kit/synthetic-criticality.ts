import { stream } from "../../src/base/random.ts";
import { criticalityHeadline } from "../../src/study/criticality-words.ts";
import type {
  Advice,
  Change,
  Criticality,
  CriticalityResults,
  Edge,
  FreezeResult,
  GroupResult,
  Interval,
  MapCell,
  ModuleMap,
  ModuleResult,
  NetworkResult,
  RewindResults,
  StudyCriticality,
} from "../../src/criticality/results.ts";
import { criticalityWords } from "../../src/criticality/words.ts";
import { rewindWords } from "../../src/criticality/rewind-words.ts";
import { mean, meanInterval } from "../../src/tensor/stats.ts";

/**
 * INVENTED results for developing and testing the figures, words and page about criticality. No network was trained: errors
 * are saturating functions of α and r with noise from a seeded generator. Never part of the product.
 */

const chance = 0.9;
const epsilon = 0.01;
const round = (value: number, digits = 5): number => Number(value.toFixed(digits));
const interval = (value: number, half: number): Interval => ({
  value: round(value),
  low: round(value - half),
  high: round(value + half),
});

/** How an invented module behaves. */
interface Character {
  readonly name: string;
  /** Excess at α = 0 without noise, as a rate of saturation: 0 rewinds freely. */
  readonly back: number;
  /** How fast noise hurts. */
  readonly fragile: number;
}

/** What the invented networks should look like. */
export interface SyntheticCriticality {
  readonly networks?: readonly { readonly group: NetworkResult["group"]; readonly count: number }[];
  readonly modules?: number;
  /** False: only robustness was asked for. */
  readonly maps?: boolean;
  /** Nothing is within ε but the final weights themselves (first module), as the default has it for one module. */
  readonly infinite?: boolean;
  readonly tried?: boolean;
  readonly grid?: number;
}

const names = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "neck", "head"];

function characters(group: NetworkResult["group"], count: number, infinite: boolean): Character[] {
  return Array.from({ length: count }, (_, i): Character => {
    const depth = count === 1 ? 1 : i / (count - 1);
    const name =
      count <= names.length
        ? (names[i + names.length - count] ?? "")
        : i === count - 1
          ? "classifier"
          : `features.${i}.block`;
    if (infinite && i === (count > 2 ? 2 : 0) && group !== "fine-tuned")
      return { name, back: 3, fragile: 4000 };
    return group === "fine-tuned"
      ? { name, back: depth < 0.3 ? 0 : 0.02 + 2 * depth ** 3, fragile: 0.4 + 1.2 * depth }
      : { name, back: 2.4 * (1 - 0.6 * depth), fragile: 1.5 + 2 * (1 - depth) };
  });
}

export function syntheticCriticality(options: SyntheticCriticality = {}): CriticalityResults {
  const {
    networks = [
      { group: "fine-tuned", count: 3 },
      { group: "from scratch", count: 3 },
    ],
    modules = 7,
    maps = true,
    infinite = true,
    tried = true,
    grid = 11,
  } = options;
  const all = networks.flatMap(({ group, count }) =>
    Array.from({ length: count }, (_, seed) => networkOf(group, seed, { modules, maps, infinite, grid })),
  );
  const groups = networks
    .filter(({ count }) => count > 1)
    .map(({ group }) =>
      groupOf(
        group,
        all.filter((one) => one.group === group),
      ),
    );
  const results: Omit<CriticalityResults, "words"> = {
    schema: 1,
    kind: "criticality",
    networks: all,
    groups,
    data: { set: "cifar10", train: 2048, test: 2000, classes: 10 },
    granularity: "block",
    epsilons: [
      { given: "0.01", text: "1 point of error" },
      { given: "10%", text: "10 % of the final error" },
    ],
    ...(tried ? { freeze: freezeOf(all[0]!) } : {}),
  };
  return { ...results, words: criticalityWords(results) };
}

/** INVENTED chapter of a study: one network of each kind, as a study has them. */
export function syntheticStudyCriticality(): StudyCriticality {
  const { networks, groups, data, granularity, epsilons, ...facts } = syntheticCriticality({
    networks: [
      { group: "fine-tuned", count: 1 },
      { group: "from scratch", count: 1 },
    ],
    modules: 4,
    grid: 5,
    infinite: false,
    tried: false,
  });
  const named = networks.map(({ seconds: _seconds, ...network }, i) => ({
    ...network,
    name: `${i === 0 ? "P-T" : "RI-T"} seed 0`,
  }));
  const study = { networks: named, groups, data, granularity, epsilons };
  return { ...study, words: [criticalityHeadline(study), ...criticalityWords({ ...facts, ...study })] };
}

function networkOf(
  group: NetworkResult["group"],
  seed: number,
  { modules, maps, infinite, grid }: { modules: number; maps: boolean; infinite: boolean; grid: number },
): NetworkResult {
  const all = characters(group, modules, infinite && seed === 0).map((character, depth) =>
    moduleOf(character, depth, modules, group, seed, maps ? grid : 0),
  );
  const mus = all.map(({ maps: [map] }) => map?.criticality[0]!.mu.value ?? null);
  const unbounded = all.filter((_, i) => mus[i] === null).map(({ name }) => name);
  const sum = mus.reduce<number>((total, mu) => total + (mu ?? 0), 0);
  const value = unbounded.length > 0 ? null : round(sum, 2);
  return {
    name: `${group === "fine-tuned" ? "P-T" : group === "from scratch" ? "RI-T" : "net"}-seed-${seed}.onnx`,
    cell: String(seed).repeat(64),
    initial: group === "fine-tuned" ? "the pretrained weights" : "its own start",
    group,
    parameters: 78_042,
    final: [
      { split: "train", images: 2048, error: interval(0.031, 0.007), loss: 0.11 },
      { split: "test", images: 2000, error: interval(0.142, 0.015), loss: 0.46 },
    ],
    statistics: "of the images",
    modules: all,
    total: maps
      ? [
          {
            epsilon,
            value,
            low: value === null ? null : round(value * 0.8, 2),
            high: value === null ? null : round(value * 1.3, 2),
            infinite: unbounded,
            gap: value === null ? null : round(Math.sqrt((value / 2 + Math.log(800)) / (2 * 2047)), 4),
            trainImages: 2048,
          },
        ]
      : [],
    order: {
      criticality: !maps
        ? null
        : group === "fine-tuned"
          ? { value: 0.81, low: 0.52, high: 0.9 }
          : { value: -0.14, low: -0.62, high: 0.33 },
      rewound:
        group === "fine-tuned"
          ? { value: 0.78, low: 0.6, high: 0.9 }
          : { value: -0.71, low: -0.9, high: -0.33 },
    },
    seconds: 214.2,
  };
}

function moduleOf(
  { name, back, fragile }: Character,
  depth: number,
  count: number,
  group: NetworkResult["group"],
  seed: number,
  grid: number,
): ModuleResult {
  const random = stream(seed, "noise", group, name);
  const jitter = 1 + 0.15 * random.normal();
  const excessAt = (alpha: number, ratio: number) =>
    (chance - 0.03) * (1 - Math.exp(-(back * jitter * (1 - alpha) ** 2 + fragile * jitter * ratio ** 2)));
  const rewound = excessAt(0, 0);
  const changes = (excess: number): Change[] =>
    (["train", "test"] as const).map((split) => {
      const final = split === "train" ? 0.031 : 0.142;
      const error = final + excess * ((chance - final) / chance);
      return {
        split,
        images: split === "train" ? 2048 : 2000,
        error: interval(error, 0.004 + 0.02 * Math.sqrt(error * (1 - error))),
        excess: interval(error - final, excess === 0 ? 0.001 : 0.006),
        loss: round(0.2 + 4 * excess, 3),
      };
    });
  const rewinds = rewound <= epsilon;
  const advice: Advice = {
    freeze: rewinds,
    rewind: rewinds,
    prune: false,
    rate: rewinds ? 0 : round(Math.min(1, 0.4 + rewound), 2),
    why: rewinds ? "its initial weights do as well" : "its initial weights cost more than ε",
  };
  const alphas = Array.from({ length: grid }, (_, i) => round(i / (grid - 1), 4));
  const ratios = [0, ...Array.from({ length: grid - 1 }, (_, i) => round(0.01 * 400 ** (i / (grid - 2)), 5))];
  const wobble = (excess: number) => excess + Math.min(0.01, 0.05 * excess) * random.normal();
  const map = (noise: ModuleMap["noise"]): ModuleMap => ({
    noise,
    alphas,
    ratios,
    ...cellsOf(alphas, ratios, (alpha, ratio) => wobble(excessAt(alpha, ratio)), 180 * jitter),
  });
  return {
    name,
    depth,
    isHead: depth === count - 1,
    parameters: 1200 * (depth + 1) ** 2,
    rms: 0.043,
    distance: round(6.1 * jitter, 3),
    relativeDistance: round((group === "fine-tuned" ? 0.2 : 1.2) * jitter, 3),
    maps: grid === 0 ? [] : [map("isotropic"), map("per-tensor")],
    rewound: changes(rewound),
    rerandomised: changes(depth === count - 1 ? 0.86 : 0.6 + (0.25 * depth) / count),
    zeroed: changes(0.8),
    advice,
  };
}

function cellsOf(
  alphas: readonly number[],
  ratios: readonly number[],
  excessAt: (alpha: number, ratio: number) => number,
  span: number,
): Pick<ModuleMap, "cells" | "criticality"> {
  const cells = alphas.flatMap((alpha) =>
    ratios.map((ratio): MapCell => {
      const value = excessAt(alpha, ratio);
      const half = ratio === 0 && alpha === 1 ? 0 : 0.002 + 0.1 * Math.abs(value);
      const [low, high] = [value - half, value + half];
      return {
        alpha,
        ratio,
        refined: false,
        draws: 8,
        images: 512,
        excess: interval(value, half),
        lossExcess: value > 0.86 ? null : interval(3 * value, 3 * half),
        within: high <= epsilon ? "yes" : low > epsilon ? "no" : "open",
      };
    }),
  );
  return { cells, criticality: [epsilon, 0.0031].map((one) => criticalityOf(alphas, cells, one, span)) };
}

function criticalityOf(
  alphas: readonly number[],
  cells: readonly MapCell[],
  allowed: number,
  span: number,
): Criticality {
  const good = cells.filter(({ excess }) => excess.value <= allowed);
  const rewinds = good.find(({ alpha }) => alpha === 0);
  const noisy = good.filter(({ ratio }) => ratio > 0);
  const value = ({ alpha, ratio }: MapCell) => (span * alpha ** 2) / ratio ** 2;
  const best = rewinds ?? noisy.toSorted((a, b) => value(a) - value(b))[0];
  const mu = best === undefined ? null : best === rewinds ? 0 : round(value(best), 3);
  const maybe = (number: number | null) => ({
    value: number,
    low: number === null ? null : round(number * 0.7, 3),
    high: number === null ? null : round(number * 1.4, 3),
  });
  const edges = alphas.map((alpha): Edge => {
    const column = good.filter((one) => one.alpha === alpha).toSorted((a, b) => b.ratio - a.ratio);
    const ratio = column[0]?.ratio ?? null;
    return {
      alpha,
      ratio,
      low: ratio === null ? null : round(ratio / 1.5),
      high: ratio === null ? null : round(ratio * 1.9),
      beyond: ratio !== null && ratio === Math.max(...cells.map((one) => one.ratio)),
    };
  });
  return {
    epsilon: allowed,
    mu: maybe(mu),
    kl: maybe(mu === null ? null : mu / 2),
    ...(best === undefined
      ? { reason: "no place with noise keeps the error within 1 point of error" }
      : { at: { alpha: best.alpha, ratio: best.ratio } }),
    radius: edges.at(-1)!,
    edges,
  };
}

function groupOf(group: NetworkResult["group"], networks: readonly NetworkResult[]): GroupResult {
  const over = (values: readonly (number | null)[]): Interval | null => {
    const known = values.filter((value) => value !== null);
    if (known.length < values.length || known.length === 0) return null;
    const around = meanInterval(known, 0.95);
    return { value: mean(known), low: around?.low ?? null, high: around?.high ?? null };
  };
  const orders = (measure: "criticality" | "rewound") =>
    over(networks.map(({ order }, i) => order[measure] && order[measure].value + 0.02 * i));
  return {
    group,
    networks: networks.map(({ name }) => name),
    modules: networks[0]!.modules.map(({ name, depth }, i) => {
      const here = networks.map(({ modules }) => modules[i]!);
      const first = here.map(({ maps }) => maps[0]?.criticality[0]);
      return {
        name,
        depth,
        logMu: over(
          first.map((one) => {
            const value = one?.mu.value ?? null;
            return value === null ? null : Math.log10(1 + value);
          }),
        ),
        logRadius: over(
          first.map((one) => {
            const ratio = one?.radius.ratio ?? 0;
            return ratio === 0 ? null : Math.log10(ratio);
          }),
        ),
        rewound: over(here.map(({ rewound }) => rewound[0]!.excess.value))!,
      };
    }),
    order: { criticality: orders("criticality"), rewound: orders("rewound") },
  };
}

function freezeOf(network: NetworkResult): FreezeResult {
  const modules = network.modules.filter(({ advice }) => advice.freeze);
  const part = modules.reduce((sum, { parameters }) => sum + parameters, 0);
  const accuracies = { full: [0.858, 0.851, 0.862], frozen: [0.856, 0.853, 0.859] };
  return {
    epsilon,
    modules: modules.map(({ name }) => name),
    share: round(part / network.modules.reduce((sum, { parameters }) => sum + parameters, 0)),
    together: modules[0]?.rewound ?? [],
    file: "freeze.json",
    tried: {
      seeds: [0, 1, 2],
      rows: (["full", "frozen"] as const).map((what) => ({
        what,
        accuracy: interval(mean(accuracies[what]), 0.012),
        accuracies: accuracies[what],
        seconds: interval(what === "full" ? 91 : 63, 4),
        trained: what === "full" ? 78_042 : 61_000,
      })),
      accuracy: interval(-0.001, 0.006),
      speed: { value: 1.44, low: 1.31, high: 1.58 },
    },
  };
}

/** What an invented rewind should look like. */
export interface SyntheticRewind {
  readonly networks?: readonly NetworkResult["group"][];
  readonly steps?: readonly number[];
  readonly modules?: number;
}

export function syntheticRewind(options: SyntheticRewind = {}): RewindResults {
  const {
    networks = ["fine-tuned", "from scratch"],
    steps = [0, 10, 20, 50, 100, 200, 400, 800],
    modules = 7,
  } = options;
  const results: Omit<RewindResults, "words"> = {
    schema: 1,
    kind: "rewind",
    networks: networks.map((group) => {
      const { name, cell, statistics, final } = networkOf(group, 0, {
        modules,
        maps: false,
        infinite: false,
        grid: 0,
      });
      return {
        name,
        cell,
        group,
        statistics,
        final,
        steps,
        total: 1000,
        modules: characters(group, modules, false).map((character, depth) =>
          rewoundOf(character, depth, modules, steps),
        ),
      };
    }),
    data: { set: "cifar10", train: 2048, test: 2000, classes: 10 },
    granularity: "block",
  };
  return { ...results, words: rewindWords(results) };
}

function rewoundOf(
  { name, back }: Character,
  depth: number,
  count: number,
  steps: readonly number[],
): RewindResults["networks"][number]["modules"][number] {
  const changes = (excess: number): Change[] => [
    {
      split: "train",
      images: 2048,
      error: interval(0.031 + excess, 0.01),
      excess: interval(excess, excess === 0 ? 0.001 : 0.006),
      loss: round(0.1 + 3 * excess, 3),
    },
    {
      split: "test",
      images: 2000,
      error: interval(0.142 + 0.85 * excess, 0.015),
      excess: interval(0.85 * excess, 0.008),
      loss: round(0.4 + 3 * excess, 3),
    },
  ];
  const alphaAt = (step: number) => round(1 - Math.exp(-step / 250), 3);
  const excessAt = (alpha: number, bend: number) =>
    0.87 * (1 - Math.exp(-back * (1 - alpha) ** bend * Math.exp(-2 * alpha)));
  return {
    name,
    depth,
    parameters: 1200 * (depth + 1) ** 2,
    changes: steps.map((step) => changes(excessAt(alphaAt(step), 2))),
    direct: steps.map((step) => ({ alpha: alphaAt(step), changes: changes(excessAt(alphaAt(step), 1.2)) })),
    rerandomised: changes(depth === count - 1 ? 0.75 : 0.6),
  };
}
