import { lookOf } from "../basin/look.node.ts";
import {
  type ChosenData,
  chooseData,
  pinned,
  planSubjectData,
  type Subject,
  toFetch,
  unlikeData,
} from "../basin/subjects.node.ts";
import type { BasinEnv } from "../basin/sweep.node.ts";
import { ScopeError } from "../base/error.ts";
import { graphFor } from "../cells/network.node.ts";
import type { DataSpec } from "../data/types.ts";
import type { Graph } from "../graph/graph.ts";

/** What networks are looked at with. */
export interface Setting {
  readonly data: DataSpec;
  /** Images looked at. */
  readonly images: { readonly train: number; readonly test: number };
  /** Training images there are. */
  readonly trainImages: number;
  readonly classes: number;
  /** What batch norm normalises with; without meaning for networks without running statistics. */
  readonly statistics: "of the images" | "kept";
  /** Of the network, for one image. */
  readonly multiplyAdds: number;
  /** The network for images of this size. */
  readonly graph: Graph;
}

/** What of a request decides the setting. */
export interface LookRequest {
  readonly data: ChosenData;
  /** auto: batch norm normalises with the statistics of the images looked at. */
  readonly renormalize: "auto" | "never";
  /** Images looked at, at most; 0: none of that split. */
  readonly images: { readonly train: number; readonly test: number };
}

/** Set to be fetched, or the setting. */
export type Settled =
  | { readonly fetch: NonNullable<Awaited<ReturnType<typeof toFetch>>> }
  | { readonly setting: Setting };

/**
 * The images networks are looked at with, and how.
 * @param mayFetch fetch what is missing; else say it
 * @throws {ScopeError} usage, when no images are asked for or nobody says which; data, when there are none or they do not
 *   suit the networks
 */
export async function settle(
  subjects: readonly Subject[],
  { data, renormalize, images }: LookRequest,
  env: Pick<BasinEnv, "data">,
  mayFetch: boolean,
): Promise<Settled> {
  if (images.train === 0 && images.test === 0) {
    throw new ScopeError(
      "usage",
      "--train-images and --test-images are both 0: there is nothing to look at",
      {
        hint: "leave one of them out",
      },
    );
  }
  const spec = chooseData(subjects, data);
  const fetch = mayFetch ? undefined : await toFetch(spec, env.data);
  if (fetch !== undefined) return { fetch };
  const plan = await planSubjectData(subjects, spec, env.data);
  const [{ network }] = subjects as [Subject];
  const look = lookOf(pinned(spec, plan), plan, network, images, false);
  if (look.images.train === 0 && look.images.test === 0) {
    throw new ScopeError("data", `${spec.set} has no images to look at`, { hint: "choose other --data" });
  }
  return {
    setting: {
      data: look.data,
      images: look.images,
      trainImages: plan.counts.train,
      classes: plan.classes.length,
      statistics: network.statistics.length > 0 && renormalize === "auto" ? "of the images" : "kept",
      multiplyAdds: look.multiplyAdds,
      graph: graphFor(network, plan, spec.set),
    },
  };
}

/** Settings, one a network. */
export interface Settings {
  readonly each: readonly Setting[];
  /** What a reader should know of the images. */
  readonly words: readonly string[];
}

/**
 * What each network is looked at with. Criticality is defined by a network's own training images: where nobody names a set,
 * and all were trained on the same set and classes, each is looked at with its own; else all with the same.
 * @throws {ScopeError} as `settle`
 */
export async function settleEach(
  subjects: readonly Subject[],
  request: LookRequest,
  env: Pick<BasinEnv, "data">,
  mayFetch: boolean,
): Promise<{ readonly fetch: Extract<Settled, { fetch: unknown }>["fetch"] } | Settings> {
  const isNamed = request.data.set !== undefined;
  const task = ({ network }: Subject): string =>
    JSON.stringify([network.data?.set ?? null, network.data?.classes ?? null]);
  const own = !isNamed && subjects.every((one) => one.network.data && task(one) === task(subjects[0]!));
  const each: Setting[] = [];
  for (const some of own ? subjects.map((subject) => [subject]) : [subjects]) {
    const settled = await settle(some, request, env, mayFetch);
    if ("fetch" in settled) return settled;
    each.push(settled.setting);
  }
  if (!own) return { each: subjects.map(() => each[0]!), words: isNamed ? [] : unlikeData(subjects) };
  const differ = new Set(each.map(({ data }) => JSON.stringify(data))).size > 1;
  return { each, words: differ ? ["Each network was looked at with the images it was trained on."] : [] };
}
