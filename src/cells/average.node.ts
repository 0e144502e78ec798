import { flatLayout } from "../autodiff/flat.ts";
import type { Json } from "../base/canonical.ts";
import { combine } from "../landscape/combine.ts";
import type { Runtime } from "../runtime/session.ts";
import { type Finish, movingAverage, movingShares, uniform } from "../soup/average.ts";
import { greedySoup, type GreedyStep } from "../soup/greedy.ts";
import { scalableHead } from "../soup/head.ts";
import { type LearnState, learnSoup } from "../soup/learn.ts";
import { mixingGroups } from "../soup/mixing.ts";
import type { CellContext } from "../sweep/kind.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { openGradient } from "../train/gradient.ts";
import type { Family } from "./inputs.node.ts";
import type { AverageParams } from "./kinds/average.node.ts";
import { ProgressFile } from "./progress-file.node.ts";

/** What averaging needs. */
export interface Kitchen {
  readonly context: CellContext;
  readonly runtime: Runtime;
  readonly family: Family;
  /** Images that decide. */
  readonly heldOut: ImageSource;
  /** New batch-norm statistics, where an average needs them. */
  readonly finish: Finish | undefined;
  /** Held-out accuracy of weights. */
  readonly score: (weights: Float32Array) => Promise<number>;
  /** The same of each network alone, where it is known already. */
  readonly alone: readonly (number | undefined)[];
}

/** An average and how it came about. */
export interface Averaged {
  /** Finished, a vector of the networks' layout. */
  readonly weights: Float32Array;
  /** Networks with a share in it. */
  readonly members: number;
  /** Share of each network, where all tensors have the same. */
  readonly coefficients?: readonly number[];
  /** Held-out accuracy of each network alone, where it was looked at. */
  readonly alone?: readonly number[];
  /** Greedy: every candidate, in the order tried; and the best network alone. */
  readonly growth?: readonly GreedyStep[];
  readonly best?: { readonly model: number; readonly heldOut: number };
  /** Learned: shares by module ("" for all), and the factor on the logits. */
  readonly mixing?: readonly { readonly module: string; readonly weights: readonly number[] }[];
  readonly logitScale?: number;
}

/**
 * Averages the networks of a family by a method.
 * @throws {ScopeError} as the method's own function
 */
export async function average(params: AverageParams, kitchen: Kitchen): Promise<Averaged> {
  const { vectors } = kitchen.family;
  const { method, coefficients = [], decay = 0.9 } = params;
  switch (method) {
    case "greedy":
      return await greedy(params.accept ?? ">=", kitchen);
    case "learned":
      return await learned(params.learned, kitchen);
    case "uniform":
      return await mixed(
        kitchen,
        uniform(vectors),
        vectors.map(() => 1 / vectors.length),
      );
    case "fixed":
      return await mixed(
        kitchen,
        combine(vectors, coefficients, new Float32Array(vectors[0]!.length)),
        coefficients,
      );
    case "swa":
    case "ema": {
      const over = method === "swa" ? { kind: method } : { kind: method, decay };
      return await mixed(kitchen, movingAverage(vectors, over), movingShares(vectors.length, over));
    }
  }
}

/** A network alone is left as it is; every other mixture gets statistics of its own. */
async function mixed(
  { finish }: Kitchen,
  weights: Float32Array,
  coefficients: readonly number[],
): Promise<Averaged> {
  const members = coefficients.filter((share) => share !== 0);
  const alone = members.length === 1 && members[0] === 1;
  return {
    weights: alone || finish === undefined ? weights : await finish(weights),
    members: members.length,
    coefficients,
  };
}

interface GreedyProgress {
  readonly [key: string]: Json;
  /** Scores of averages by position in the order; null: none (the first has its own). */
  readonly known: (number | null)[];
}

async function greedy(
  accept: ">=" | ">",
  { context, family: { vectors }, score, alone: given, finish }: Kitchen,
): Promise<Averaged> {
  const file = new ProgressFile<GreedyProgress>(context);
  const known = (context.resumed ? await file.read() : undefined)?.state.known ?? [];
  const count = vectors.length;
  const show = (done: number): void => context.progress({ done, total: 2 * count, unit: "networks" });
  const alone: number[] = [];
  for (let i = 0; i < count; i++) {
    alone.push(given[i] ?? (await score(vectors[i]!)));
    show(i + 1);
  }
  const soup = await greedySoup({
    count,
    vectors,
    accept,
    heldOut: (i) => Promise.resolve(alone[i]!),
    score,
    known,
    ...(finish === undefined ? {} : { finish }),
    async onStep({ heldOut }, position) {
      known[position] = heldOut;
      show(count + position + 1);
      await file.writeSometimes(() => ({ state: { known }, vectors: {} }));
    },
  }).catch(async (error: unknown) => {
    // What cannot be kept now costs time, not the result.
    if (context.signal.aborted) await file.write({ state: { known }, vectors: {} }).catch(() => undefined);
    throw error;
  });
  const share = 1 / soup.members.length;
  return {
    weights: soup.average,
    members: soup.members.length,
    coefficients: vectors.map((_, i) => (soup.members.includes(i) ? share : 0)),
    alone,
    growth: soup.steps,
    best: soup.best,
  };
}

async function learned(
  options: AverageParams["learned"],
  { context, runtime, family, heldOut, finish }: Kitchen,
): Promise<Averaged> {
  const { graph, names, vectors, networks } = family;
  const { perModule = false, epochs = 5, learningRate = 0.05, seed = 0, batch: wanted = 64 } = options ?? {};
  const { modules, groups } = mixingGroups(graph, names, perModule);
  const layout = flatLayout(graph, names);
  const batch = Math.min(wanted, heldOut.count);
  const gradient = await openGradient(runtime, graph, networks[0]!.parameters, batch, {
    // An average whose statistics are estimated anew computes what the batch's own statistics make of it.
    normalization: finish === undefined ? "running" : "batch",
  });
  const file = new ProgressFile<Json>(context);
  const before = context.resumed ? await file.read() : undefined;
  const total = Math.max(1, Math.round(epochs * Math.max(1, Math.floor(heldOut.count / batch))));
  let state = before?.state as LearnState | undefined;
  const reach = () => ({ state: JSON.parse(JSON.stringify(state)) as Json, vectors: {} });
  try {
    const soup = await learnSoup(
      gradient,
      vectors,
      groups,
      heldOut,
      {
        layout,
        steps: total,
        learningRate,
        seed,
        head: scalableHead(graph, networks[0]!.parameters),
        ...(finish === undefined ? {} : { finish }),
        ...(state === undefined ? {} : { state }),
        async onStep(now) {
          state = now;
          context.progress({ done: now.step, total, unit: "steps" });
          await file.writeSometimes(reach);
        },
      },
      context.signal,
    );
    const mixing = soup.shares.map((weights, i) => ({ module: modules[i]!, weights }));
    return {
      weights: soup.average,
      members: vectors.length,
      mixing,
      ...(perModule ? {} : { coefficients: soup.shares[0]! }),
      logitScale: soup.logitScale,
    };
  } catch (error) {
    if (context.signal.aborted && state !== undefined) await file.write(reach()).catch(() => undefined);
    throw error;
  } finally {
    await gradient.release();
  }
}
