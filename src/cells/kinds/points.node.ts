import { z } from "zod";
import { flatLayout } from "../../autodiff/flat.ts";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { imageSource } from "../../data/batch.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import type { DataSpec, LoadedData } from "../../data/types.ts";
import { filterAxes, filterNormalised } from "../../landscape/directions.ts";
import { openPoints } from "../../landscape/points.ts";
import type { PointValues } from "../../landscape/types.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device, Runtime } from "../../runtime/session.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { float32, type Tensor, tensor } from "../../tensor/tensor.ts";
import type { ImageSource } from "../../train/evaluate.ts";
import { type Family, familyOf, imagesOf, networkInputs } from "../inputs.node.ts";
import { someImages } from "../some-images.ts";
import { type Mender, openMender } from "../mender.node.ts";
import { multiplyAddsPerSecond, usualMultiplyAdds } from "../speed.ts";

const split = z
  .strictObject({
    /** Images to look at, spread evenly over the split; absent: all. */
    images: z.int().positive().optional(),
  })
  .optional();

/** Parameters of a cell that looks at points of weight space. Its inputs are networks n0, n1, … */
export const pointsParams = z.strictObject({
  /** Coefficients of each point: over the networks, then over the directions. */
  points: z.array(z.array(z.number())).min(1),
  /** Random filter-normalised directions at the first network. */
  directions: z
    .strictObject({
      seed: z.int(),
      count: z.int().min(1).max(8),
      ignore: z.enum(["bias+norm", "none"]),
    })
    .optional(),
  data: dataSpecSchema,
  splits: z.strictObject({ train: split, test: split }),
  /** Training images and batch that batch-norm statistics are estimated anew from (and repair is measured on). */
  renormalize: z.strictObject({ images: z.int().positive(), batch: z.int().positive() }).nullable(),
  /**
   * reset: statistics only. sequential, closed: REPAIR, in passing or in closed form. Each needs `renormalize` for its
   * images.
   */
  repair: z.enum(["none", "reset", "sequential", "closed"]),
  /** Whether to look at the points also as they are combined. Absent: where only statistics are estimated anew. */
  stale: z.boolean().optional(),
  /** Multiply–adds of the network for one image: only for estimates of time. */
  multiplyAdds: z.number().positive().optional(),
});
export type PointsParams = z.infer<typeof pointsParams>;

/** What is known of a point on one split. */
export interface PointScore {
  /** Nats per image; null where it is not a number. */
  readonly loss: number | null;
  readonly accuracy: number;
}

/** What a points cell gives as its result; the values of single images are in `values.safetensors`. */
export interface PointsResult {
  readonly points: readonly (Partial<Record<"train" | "test", PointScore>> & {
    /** The same before statistics were estimated anew. */
    readonly stale?: Partial<Record<"train" | "test", PointScore>>;
  })[];
  /** Images looked at, by split. */
  readonly images: Partial<Record<"train" | "test", number>>;
}

export const valuesFile = "values.safetensors";

/** Seconds an image takes besides: its bytes are read, its logits scored. */
const perImage = 2e-5;

/** Seconds one point takes, as far as parameters tell. */
export function secondsPerPoint(
  params: Pick<PointsParams, "splits" | "renormalize" | "repair" | "stale" | "multiplyAdds"> & {
    readonly data: Pick<DataSpec, "trainSize" | "testSize">;
  },
): number {
  const { data, splits, renormalize, multiplyAdds = usualMultiplyAdds } = params;
  const looked =
    (splits.train ? (splits.train.images ?? data.trainSize ?? 50_000) : 0) +
    (splits.test ? (splits.test.images ?? data.testSize ?? 10_000) : 0);
  // Where statistics are estimated anew there is a second look, at the stale ones; estimating takes about two looks.
  const twice = renormalize !== null && (params.stale ?? params.repair === "none") ? 2 : 1;
  const estimating = renormalize === null ? 0 : 2 * renormalize.images;
  return (looked * twice + estimating) * (multiplyAdds / multiplyAddsPerSecond + perImage);
}

/** Looks at points of weight space: loss and correctness of every image at every point. */
export const pointsCell: CellKind = {
  kind: "points",
  version: 1,
  estimate(raw) {
    const params = pointsParams.parse(raw);
    return { seconds: 0.8 + params.points.length * secondsPerPoint(params) };
  },
  run,
};

type SplitName = "train" | "test";

async function run(context: CellContext): Promise<Json> {
  const params = pointsParams.parse(context.params);
  const inputs = networkInputs(Object.keys(context.spec.inputs).length);
  check(params, inputs.length);
  const data = await imagesOf(params.data, context);
  const family = await familyOf(context, inputs, { images: data, set: params.data.set });
  const runtime = await openRuntime(context.device as Device);
  const sources = sourcesOf(params, data);
  const basis = [...family.vectors, ...directionsOf(params, family)];
  const mender = await openMender(runtime, family, params, data);
  const stale = mender !== undefined && (params.stale ?? params.repair === "none");
  const passes = stale ? 2 : 1;
  const images = [...sources.values()].reduce((sum, source) => sum + source.count, 0);
  const looks = new Looks(context, images * params.points.length * passes);

  try {
    const before = stale ? await lookAt(runtime, family, basis, params.points, sources, looks) : undefined;
    const after = await lookAt(runtime, family, basis, params.points, sources, looks, mender);
    const files = new Map<string, Tensor>([
      ...tensorsOf(after, ""),
      ...(before === undefined ? [] : tensorsOf(before, "stale.")),
    ]);
    await writeSafetensors(`${context.dir}/${valuesFile}`, files, {}, { overwrite: true });
    const scores = (values: ReadonlyMap<SplitName, PointValues[]>, p: number) =>
      Object.fromEntries(
        [...values].map(([name, all]) => {
          const { loss, accuracy } = all[p]!;
          return [name, { loss, accuracy }];
        }),
      );
    return {
      points: params.points.map((_, p) => ({
        ...scores(after, p),
        ...(before === undefined ? {} : { stale: scores(before, p) }),
      })),
      images: Object.fromEntries([...sources].map(([name, { count }]) => [name, count])),
    };
  } finally {
    await mender?.release();
  }
}

/** @throws {ScopeError} usage, when parameters contradict each other */
function check(params: PointsParams, networks: number): void {
  const { points, directions, splits, renormalize, repair } = params;
  const count = networks + (directions?.count ?? 0);
  const wrong = points.find((point) => point.length !== count);
  if (networks === 0 || wrong !== undefined) {
    throw new ScopeError(
      "usage",
      `a point of ${networks} networks and ${directions?.count ?? 0} directions needs ${count} coefficients, got ${wrong?.length ?? 0}`,
    );
  }
  if (splits.train === undefined && splits.test === undefined)
    throw new ScopeError("usage", "points are looked at on training or test images: name a split");
  if (repair === "none") return;
  if (renormalize === null)
    throw new ScopeError("usage", "repair needs images to measure on", { hint: "give renormalize" });
  if (directions !== undefined)
    throw new ScopeError("usage", "repair averages the units of networks, and a random direction has none");
  if (repair === "closed" && networks !== 2)
    throw new ScopeError("usage", `the closed form of REPAIR takes two networks, got ${networks}`, {
      hint: "use sequential",
    });
}

function sourcesOf(params: PointsParams, data: LoadedData): Map<SplitName, ImageSource> {
  const sources = new Map<SplitName, ImageSource>();
  for (const name of ["train", "test"] as const) {
    const wanted = params.splits[name];
    if (wanted === undefined) continue;
    if (data[name].count === 0)
      throw new ScopeError("data", `${params.data.set} has no ${name} images to look at`);
    sources.set(name, imageSource(someImages(data[name], wanted.images), data));
  }
  return sources;
}

function directionsOf(
  { directions }: PointsParams,
  { graph, names, vectors, networks }: Family,
): Float32Array[] {
  if (directions === undefined) return [];
  const layout = flatLayout(graph, names);
  const fixed = new Set(networks[0]!.statistics);
  const options = { ignore: directions.ignore, fixed, axes: filterAxes(graph) };
  return Array.from({ length: directions.count }, (_, i) =>
    filterNormalised(layout, vectors[0]!, directions.seed, i, options),
  );
}

/** Counts images looked at over all passes. */
class Looks {
  readonly #context: CellContext;
  readonly #total: number;
  #before = 0;

  constructor(context: CellContext, total: number) {
    this.#context = context;
    this.#total = total;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  show(done: number): void {
    this.#context.progress({ done: this.#before + done, total: this.#total, unit: "images" });
  }

  next(done: number): void {
    this.#before += done;
  }
}

async function lookAt(
  runtime: Runtime,
  family: Family,
  basis: readonly Float32Array[],
  points: PointsParams["points"],
  sources: ReadonlyMap<SplitName, ImageSource>,
  looks: Looks,
  mender?: Mender,
): Promise<Map<SplitName, PointValues[]>> {
  const { graph, names } = mender ?? family;
  const opened = await openPoints(runtime, graph, names, { basis });
  const found = new Map<SplitName, PointValues[]>();
  try {
    for (const [name, source] of sources) {
      const values = await opened.evaluate(points, source, {
        signal: looks.signal,
        progress: (done) => looks.show(done),
        transform: mender && ((weights, coefficients) => mender.mend(weights, coefficients, looks.signal)),
      });
      looks.next(points.length * source.count);
      found.set(name, values);
    }
    return found;
  } finally {
    await opened.release();
  }
}

/** Values of single images, [points, images]: losses in nats, correctness as 0 or 1. */
function tensorsOf(values: ReadonlyMap<SplitName, PointValues[]>, prefix: string): [string, Tensor][] {
  return [...values].flatMap(([name, all]): [string, Tensor][] => {
    const images = all[0]!.losses.length;
    const losses = new Float32Array(all.length * images);
    const correct = new Uint8Array(all.length * images);
    for (const [p, one] of all.entries()) {
      losses.set(one.losses, p * images);
      correct.set(one.correct, p * images);
    }
    const shape = [all.length, images];
    return [
      [`${prefix}${name}.loss`, float32(shape, losses)],
      [`${prefix}${name}.correct`, tensor("uint8", shape, correct)],
    ];
  });
}
