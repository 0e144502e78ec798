import { flatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { LoadedData } from "../data/types.ts";
import type { Graph } from "../graph/graph.ts";
import { openRenormalizer } from "../repair/renormalize.ts";
import { openRepair, type Repair, type RepairEnd } from "../repair/repair.ts";
import type { Runtime } from "../runtime/session.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { type Family, statisticsImages } from "./inputs.node.ts";
import type { PointsParams } from "./kinds/points.node.ts";

/** What a combination of networks goes through before it is looked at. */
export interface Mender {
  /** The network mended weights belong to. */
  readonly graph: Graph;
  readonly names: readonly string[];
  /** Combined weights, mended: a vector of `graph`, the caller's to read, not to write. */
  mend(weights: Float32Array, coefficients: readonly number[], signal?: AbortSignal): Promise<Float32Array>;
  release(): Promise<void>;
}

/** Mended weights are kept for the next look at the same point, up to so many bytes. */
const keptBytes = 512e6;

/**
 * Opens what the parameters ask for: new batch-norm statistics, or REPAIR; undefined when there is nothing to do.
 * @throws {ScopeError} usage, when there is nothing that could be repaired; data, when there are no training images
 */
export async function openMender(
  runtime: Runtime,
  family: Family,
  { renormalize, repair, data: { set } }: Pick<PointsParams, "renormalize" | "repair" | "data">,
  data: LoadedData,
): Promise<Mender | undefined> {
  if (renormalize === null) return undefined;
  const { source, batch } = statisticsImages(data, renormalize, set);
  if (repair === "sequential" || repair === "closed")
    return kept(await repairing(runtime, family, repair, source, batch));
  const { graph, names } = family;
  const renormalizer = await openRenormalizer(runtime, graph, names, batch);
  if (!renormalizer.needed) {
    await renormalizer.release();
    return undefined;
  }
  return kept({
    graph,
    names,
    mend: (weights, _, signal) => renormalizer.estimate(weights, source, signal),
    release: () => renormalizer.release(),
  });
}

async function repairing(
  runtime: Runtime,
  { graph, names, vectors }: Family,
  form: "sequential" | "closed",
  source: ImageSource,
  batch: number,
): Promise<Mender> {
  const repair = await openRepair(runtime, graph, names, batch);
  if (form === "sequential") {
    const statistics: RepairEnd["statistics"][] = [];
    for (const vector of vectors) statistics.push(await repair.measure(vector, source));
    return {
      graph: repair.graph,
      names: repair.names,
      mend: (weights, coefficients, signal) =>
        repair.repaired(
          weights,
          statistics.map((one, i) => ({ coefficient: coefficients[i]!, statistics: one })),
          source,
          signal,
        ),
      release: () => repair.release(),
    };
  }
  return await closedForm(runtime, repair, vectors, source, batch);
}

/** REPAIR's closed form; it leaves batch norm alone, whose statistics are estimated after it. */
async function closedForm(
  runtime: Runtime,
  repair: Repair,
  vectors: readonly Float32Array[],
  source: ImageSource,
  batch: number,
): Promise<Mender> {
  const { graph, names } = repair;
  const renormalizer = await openRenormalizer(runtime, graph, names, batch);
  const [first, second] = vectors as readonly [Float32Array, Float32Array];
  return {
    graph,
    names,
    async mend(weights, [a = 0, b = 0], signal) {
      const ends = [
        { coefficient: a, weights: first },
        { coefficient: b, weights: second },
      ] as const;
      const repaired = await repair.closedForm(weights, ends, source, signal);
      return renormalizer.needed ? await renormalizer.estimate(repaired, source, signal) : repaired;
    },
    async release() {
      await renormalizer.release();
      await repair.release();
    },
  };
}

/**
 * Remembers what it mended: every point is looked at on each split. A point too far out to be mended becomes one without
 * numbers, which is an answer.
 */
function kept(mender: Mender): Mender {
  const { size } = flatLayout(mender.graph, mender.names);
  const known = new Map<string, Float32Array>();
  let bytes = 0;
  return {
    ...mender,
    async mend(weights, coefficients, signal) {
      const key = coefficients.join();
      const before = known.get(key);
      if (before !== undefined) return before;
      const mended = await mender.mend(weights, coefficients, signal).catch((error: unknown) => {
        if (error instanceof ScopeError && error.fault === "diverged")
          return new Float32Array(size).fill(Number.NaN);
        throw error;
      });
      bytes += mended.byteLength;
      if (bytes <= keptBytes) known.set(key, mended);
      return mended;
    },
  };
}
