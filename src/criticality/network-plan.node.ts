import { type BasinEnv, type PlannedCell, uniqueCells } from "../basin/sweep.node.ts";
import { multiplyAddsAfter, readSensitivity, sensitivityCell } from "../cells/sensitivity.node.ts";
import { multiplyAddsPerSecond } from "../cells/speed.ts";
import { modules as modulesOf } from "../graph/modules.ts";
import { pacBayesGap } from "../sensitivity/bayes.ts";
import { criticalityOf, mapCells } from "../sensitivity/measures.ts";
import { orderOf, orderOfErrors } from "../sensitivity/rank.ts";
import { totalOf } from "../sensitivity/total.ts";
import type { Address } from "../store/spec.ts";
import { advise } from "./advice.ts";
import type { Beginning, Final } from "./beginnings.node.ts";
import type { Budget } from "./budget.ts";
import type { ChosenModule } from "./chosen-modules.ts";
import { absoluteEpsilon, type Epsilon } from "./epsilons.ts";
import type { ModuleMap, NetworkResult, NoiseScale } from "./results.ts";
import {
  changesOf,
  finalOf,
  freshDraws,
  freshReplacements,
  meanChanges,
  type PlannedReplacements,
  planReplacements,
  replacement,
} from "./robust.node.ts";
import type { Setting } from "./setting.node.ts";

/** How maps are made. */
export interface MapRequest {
  readonly epsilons: readonly Epsilon[];
  readonly alphas: readonly number[];
  readonly ratios: readonly number[];
  /** Noise draws of a place, at most. */
  readonly draws: number;
  /** Rounds of places added around the minimum. */
  readonly refine: number;
  readonly noise: "both" | "isotropic";
  readonly budget: Budget;
  readonly seed: number;
}

/** A network of the experiment before anything of it is computed. */
export interface PlannedNetwork {
  readonly subject: Final;
  readonly beginning: Beginning;
  readonly modules: readonly ChosenModule[];
  readonly setting: Setting;
  readonly request: MapRequest;
  readonly maps: readonly {
    readonly module: ChosenModule;
    readonly noise: NoiseScale;
    readonly cell: PlannedCell;
  }[];
  readonly robust: PlannedReplacements;
  /** The modules the robustness of which is measured, in the order of `robust`. */
  readonly cells: readonly PlannedCell[];
}

/** Resamples of draws behind an interval. */
const resamples = 1000;
/** The PAC-Bayes bound holds with probability 1 − δ. */
const delta = 0.05;
/** Seconds a look costs besides its multiply–adds, an image: scoring, and starting the session's run. */
const secondsPerImage = 1e-5;

/** Kinds of noise of a module: per tensor only where that is another noise. */
function noisesOf({ parameters }: ChosenModule, noise: MapRequest["noise"]): NoiseScale[] {
  return noise === "both" && parameters.length > 1 ? ["isotropic", "per-tensor"] : ["isotropic"];
}

/** The cells of one network: its initial weights, a map for each module and kind of noise (deepest first), replacements. */
export function planNetwork(
  subject: Final,
  beginning: Beginning,
  modules: readonly ChosenModule[],
  setting: Setting,
  request: MapRequest,
  share: { readonly looks: number | undefined; readonly memoryBytes: number | undefined },
): PlannedNetwork {
  const pair = { name: subject.name, final: subject.cell.address, initial: beginning.address };
  const { data, images, statistics, graph } = setting;
  const split = images.train > 0 ? "train" : "test";
  const maps = modules.toReversed().flatMap((module) => {
    const multiplyAdds = multiplyAddsAfter(graph, module.parameters);
    return noisesOf(module, request.noise).map((noise) => ({
      module,
      noise,
      cell: sensitivityCell({
        final: pair.final,
        initial: pair.initial,
        module,
        noise,
        data,
        split,
        images: images[split],
        statistics,
        alphas: request.alphas,
        ratios: request.ratios,
        epsilons: request.epsilons,
        draws: request.draws,
        refine: request.refine,
        seed: request.seed,
        mostLooks: share.looks,
        memoryBytes: share.memoryBytes,
        multiplyAdds,
        label: `${subject.name}, ${module.name}, ${noise} noise`,
      }),
    }));
  });
  const robust = planReplacements(
    pair,
    modules.flatMap((module) => [
      replacement([module], { kind: "input", input: "initial" }, "set back"),
      replacement([module], { kind: "zero" }, "zero"),
      ...freshReplacements(module),
    ]),
    setting,
    "modules replaced",
  );
  const first = beginning.cell === undefined ? [] : [beginning.cell];
  return {
    subject,
    beginning,
    modules,
    setting,
    request,
    maps,
    robust,
    cells: uniqueCells([...first, ...maps.map(({ cell }) => cell), ...robust.cells]),
  };
}

/**
 * Looks each map may make so that all of them together take so many seconds at the nominal speed: the same number for every
 * module, so that none is measured worse than another. Does not depend on the machine: the same command makes the same
 * cells everywhere.
 */
export function looksWithin(
  seconds: number,
  networks: number,
  modules: readonly ChosenModule[],
  { graph, statistics, images }: Setting,
  noise: MapRequest["noise"],
): number {
  const block = Math.min(statistics === "kept" ? 64 : 128, images.train > 0 ? images.train : images.test);
  const each = modules.reduce((sum, module) => {
    const image = multiplyAddsAfter(graph, module.parameters) / multiplyAddsPerSecond + secondsPerImage;
    return sum + noisesOf(module, noise).length * block * image;
  }, 0);
  return Math.max(1, Math.floor(seconds / (networks * each)));
}

/** A finished network, with what further looks are decided by. */
export interface MeasuredNetwork {
  readonly result: NetworkResult;
  /** Of work in its cells, all workers together. */
  readonly seconds: number;
  /** Largest number of bytes of activations that one of its cells held. */
  readonly bytes: number;
  /** What a reader should know. */
  readonly notes: readonly string[];
}

/** Reads the finished cells of a network and measures. */
export async function measureNetwork(
  { subject, beginning, modules, setting, request, maps, robust, cells }: PlannedNetwork,
  env: Pick<BasinEnv, "store">,
): Promise<MeasuredNetwork> {
  const sampling = { seed: request.seed, resamples };
  const read = await Promise.all(
    maps.map(async ({ module, noise, cell }) => {
      const { map, epsilons, rms, distance, bytes } = await readSensitivity(
        await env.store.get(cell.address),
      );
      const shown: ModuleMap = {
        noise,
        alphas: map.alphas,
        ratios: map.ratios,
        cells: mapCells(map, epsilons[0]!),
        criticality: epsilons.map((epsilon) => criticalityOf(map, epsilon, sampling)),
      };
      return { module, noise, map, shown, epsilons, rms, distance, bytes };
    }),
  );
  const { scores, final, statistics } = await robust.read(env.store);
  const each = 2 + freshDraws;
  const measured = modules.map((module, i) => {
    const [rewound, zeroed, ...fresh] = scores.slice(i * each, (i + 1) * each);
    const own = read.filter((one) => one.module.name === module.name);
    const isotropic = own.find(({ noise }) => noise === "isotropic")!;
    return {
      module,
      isotropic,
      maps: own.toSorted((a, b) => (a.noise < b.noise ? -1 : 1)).map(({ shown }) => shown),
      rewoundScores: rewound!,
      rewound: changesOf(rewound!),
      zeroed: changesOf(zeroed!),
      rerandomised: meanChanges(fresh),
    };
  });
  const epsilons = measured[0]!.isotropic.epsilons;
  const advice = advise(
    measured.map(({ rewound, zeroed, isotropic }) => ({
      rewound,
      zeroed,
      map: isotropic.shown,
      epsilon: epsilons[0]!,
    })),
  );
  const finals = finalOf(final);
  const depths = modules.map(({ depth }) => depth);
  const isotropicMaps = measured.map(({ module, isotropic }) => ({ name: module.name, map: isotropic.map }));
  const split = setting.images.train > 0 ? "train" : "test";
  const wrong = measured.map(({ rewoundScores }) => rewoundScores[split]!.correct.map((right) => 1 - right));
  const result: NetworkResult = {
    name: subject.name,
    cell: subject.cell.address,
    initial: beginning.text,
    group: beginning.group,
    parameters: modulesOf(setting.graph, "layer").reduce((sum, { size }) => sum + size, 0),
    final: finals,
    statistics,
    modules: measured.map(({ module, isotropic, maps: shown, rewound, zeroed, rerandomised }, i) => {
      const norm = isotropic.rms * Math.sqrt(module.size);
      return {
        name: module.name,
        depth: module.depth,
        isHead: module.isHead,
        parameters: module.size,
        rms: isotropic.rms,
        distance: isotropic.distance,
        relativeDistance: norm > 0 ? isotropic.distance / norm : 0,
        maps: shown,
        rewound,
        rerandomised,
        zeroed,
        advice: advice[i]!,
      };
    }),
    total: epsilons.map((epsilon) => {
      const { value, low, high, infinite } = totalOf(isotropicMaps, epsilon, sampling);
      const images = setting.trainImages;
      const gap = value === null || images === 0 ? null : pacBayesGap({ mu: value, images, delta });
      return { epsilon, value, low, high, infinite, gap, trainImages: images };
    }),
    order: {
      criticality: orderOf(
        isotropicMaps.map(({ map }) => map),
        depths,
        epsilons[0]!,
        sampling,
      ),
      rewound: orderOfErrors(wrong, depths, sampling),
    },
  };
  const still = measured.filter(({ isotropic }) => isotropic.distance === 0);
  return {
    result,
    seconds: await secondsOf(
      cells.map(({ address }) => address),
      env,
    ),
    bytes: Math.max(...read.map(({ bytes }) => bytes)),
    notes: [
      ...(still.length === 0
        ? []
        : [
            `In ${subject.name}, ${still.map(({ module }) => module.name).join(", ")} did not move: initial and final weights are the same.`,
          ]),
      ...request.epsilons.flatMap((epsilon, i) =>
        "relative" in epsilon && absoluteEpsilon(epsilon, 0) === epsilons[i]
          ? [
              `In ${subject.name}, a share of the final error allows nothing: the final network makes no error on the images looked at.`,
            ]
          : [],
      ),
    ],
  };
}

async function secondsOf(cells: readonly Address[], { store }: Pick<BasinEnv, "store">): Promise<number> {
  let seconds = 0;
  for (const address of cells) seconds += Number((await store.get(address)).cost()?.["seconds"] ?? 0);
  return seconds;
}
