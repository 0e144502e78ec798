import { z } from "zod";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { flatLayout, flatten } from "../../autodiff/flat.ts";
import { imageSource } from "../../data/batch.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import type { LoadedData } from "../../data/types.ts";
import { hasRunningStatistics } from "../../repair/renormalize.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import { lookAtModule } from "../../sensitivity/look.ts";
import { openModule } from "../../sensitivity/module-run.ts";
import { sampleMap } from "../../sensitivity/sampling.ts";
import { moduleScale } from "../../sensitivity/scale.ts";
import type { NoiseScale, SampledPlace } from "../../sensitivity/types.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { float32, tensor, type Tensor } from "../../tensor/tensor.ts";
import { type Family, familyOf, imagesOf } from "../inputs.node.ts";
import { mixedImages } from "../some-images.ts";
import { multiplyAddsPerSecond, usualMultiplyAdds } from "../speed.ts";

const share = z.number().min(0).max(1);

/** Which tensors of a network are a module. */
export const moduleParams = z.strictObject({
  name: z.string(),
  parameters: z.array(z.string()).min(1),
  /** Running statistics: they move with α and get no noise; without meaning where statistics are those of the images. */
  statistics: z.array(z.string()),
});

/** Parameters of a sensitivity cell; its inputs are `final` and `initial`. */
export const sensitivityParams = z.strictObject({
  module: moduleParams,
  noise: z.enum(["isotropic", "per-tensor"]),
  data: dataSpecSchema,
  split: z.enum(["train", "test"]),
  /** Images of the split to look at, spread evenly over it, in a fixed random order; only whole blocks of them count. */
  images: z.int().positive(),
  /** Images of a draw. */
  block: z.int().positive(),
  statistics: z.enum(["kept", "of the images"]),
  /** Rising, from 0 to 1. */
  alphas: z.array(share).min(1).max(1000),
  /** Noise in units of the weights' root mean square; rising, 0 among them. */
  ratios: z.array(z.number().min(0)).min(1).max(1000),
  /** Allowed excess of the error, the main one first: absolute, or as a share of the final network's error. */
  epsilons: z
    .array(
      z.union([
        z.strictObject({ absolute: share }),
        z.strictObject({ relative: z.number().min(0).max(1000) }),
      ]),
    )
    .min(1)
    .max(20),
  /** Draws of a place, at most and at least. */
  draws: z.int().min(2).max(100_000),
  minDraws: z.int().min(2).optional(),
  /** Rounds of places added around the minimum. */
  refine: z.int().min(0).max(20),
  /** Of the noise. */
  seed: z.int().min(0),
  /** Draws of all places together, at most: a budget that gives the same cell everywhere. */
  mostLooks: z.int().positive().optional(),
  /** Activations kept for later rounds. */
  memoryBytes: z.number().positive().optional(),
  /** Multiply–adds, for one image, of the part of the network that the module's weights change: for estimates of time. */
  multiplyAdds: z.number().min(0).optional(),
});
export type SensitivityParams = z.infer<typeof sensitivityParams>;

/** What a sensitivity cell gives as its result; the draws are in its file. */
export interface SensitivityResult {
  readonly module: string;
  readonly noise: NoiseScale;
  /** Root mean square of the module's final weights. */
  readonly rms: number;
  /** ‖θ^F − θ^0‖₂ of the module. */
  readonly distance: number;
  /** See `SampledMap.span`. */
  readonly span: number;
  /** Numbers in the module's parameters. */
  readonly size: number;
  readonly block: number;
  /** Images of the set: whole blocks. */
  readonly images: number;
  /** What batch norm was given; "none": the network has none with running statistics. */
  readonly statistics: "of the images" | "kept" | "none";
  /** The final network on the images of the set. */
  readonly final: { readonly errors: number; readonly error: number; readonly loss: number };
  /** Absolute, parallel to the parameters' `epsilons`. */
  readonly epsilons: readonly number[];
  /** In the order of the draws' file. */
  readonly places: readonly {
    readonly alpha: number;
    readonly ratio: number;
    readonly refined: boolean;
    readonly draws: number;
    /** Mean over draws. */
    readonly excess: number;
    /** Null where a draw's loss is not a number. */
    readonly lossExcess: number | null;
  }[];
  /** Draws of all places together. */
  readonly looks: number;
  /** How often activations before the module were computed for a block. */
  readonly blocks: number;
  /** Bytes of activations held at the end. */
  readonly bytes: number;
}

export const drawsFile = "draws.safetensors";

/** Draws that a place takes on average, for estimates: few are close to the edge. */
const usualDraws = 8;

/** Looks at one module of a network moved towards its initial weights and shaken: see `sensitivity/sampling.ts`. */
export const sensitivityCell: CellKind = {
  kind: "sensitivity",
  version: 1,
  estimate(raw) {
    const params = sensitivityParams.parse(raw);
    const { alphas, ratios, draws, mostLooks = Infinity, multiplyAdds = usualMultiplyAdds } = params;
    // Without noise every block is looked at, with it until the verdict is certain.
    const pass = Math.ceil(params.images / params.block);
    const each = pass + (ratios.length - 1) * Math.min(draws, usualDraws);
    const looks = Math.min(mostLooks, alphas.length * each);
    const images = looks * params.block + params.images;
    return { seconds: 1 + images * (multiplyAdds / multiplyAddsPerSecond + 1e-5) };
  },
  run,
};

/**
 * Images for draws: in a fixed random order, and in whole blocks.
 * @throws {ScopeError} data, when the split is empty
 */
function imagesFor(params: SensitivityParams, data: LoadedData): { count: number; block: number } {
  const count = Math.min(params.images, data[params.split].count);
  if (count === 0)
    throw new ScopeError("data", `${params.data.set} has no ${params.split} images to look at`);
  const block = Math.min(params.block, count);
  return { count: block * Math.floor(count / block), block };
}

async function run(context: CellContext): Promise<Json> {
  const params = sensitivityParams.parse(context.params);
  const { module, memoryBytes } = params;
  const data = await imagesOf(params.data, context);
  const family = await familyOf(context, ["final", "initial"], { images: data, set: params.data.set });
  const running = hasRunningStatistics(family.graph);
  const statistics = running ? params.statistics : "kept";
  const names = [...module.parameters, ...(statistics === "kept" ? module.statistics : [])];
  const { count, block } = imagesFor(params, data);
  const runtime = await openRuntime(context.device as Device);
  const open = await openModule(runtime, family.graph, names, { block, statistics, memoryBytes });
  try {
    const [final, initial] = [0, 1].map((n) => moduleVector(family, names, n)) as [
      Float32Array,
      Float32Array,
    ];
    const scale = moduleScale(open.layout, initial, final, {
      noise: params.noise,
      seed: params.seed,
      statistics: new Set(module.statistics),
    });
    const { signal } = context;
    const expected = count + block * params.alphas.length * params.ratios.length * (params.minDraws ?? 4);
    const show = (done: number, total: number): void =>
      context.progress({ done, total: Math.max(done, total), unit: "images" });
    const look = await lookAtModule(
      open,
      scale,
      final,
      imageSource(mixedImages(data[params.split], count), data),
      {
        signal,
        progress: (done) => show(done, expected),
      },
    );
    const error = look.final.errors / look.final.images;
    const epsilons = params.epsilons.map((one) =>
      "absolute" in one ? one.absolute : Math.min(1, one.relative * error),
    );
    const places = await sampleMap(look, {
      alphas: params.alphas,
      ratios: params.ratios,
      epsilons,
      span: scale.span,
      block,
      images: count,
      maxDraws: params.draws,
      ...(params.minDraws === undefined ? {} : { minDraws: params.minDraws }),
      ...(params.mostLooks === undefined ? {} : { mostLooks: params.mostLooks }),
      refine: params.refine,
      signal,
      progress: (done, total) => show(count + block * done, count + block * total),
    });
    await writeSafetensors(
      `${context.dir}/${drawsFile}`,
      drawTensors(places, block),
      {},
      { overwrite: true },
    );
    const result: SensitivityResult = {
      module: module.name,
      noise: params.noise,
      rms: scale.rms,
      distance: scale.distance,
      span: scale.span,
      size: scale.size,
      block,
      images: count,
      statistics: running ? params.statistics : "none",
      final: { errors: look.final.errors, error, loss: look.final.loss },
      epsilons,
      places: places.map(({ alpha, ratio, refined, excess, lossExcess }) => ({
        alpha,
        ratio,
        refined,
        draws: excess.length,
        excess: mean(excess) ?? 0,
        lossExcess: mean(lossExcess),
      })),
      looks: places.reduce((sum, { excess }) => sum + excess.length, 0),
      blocks: open.counts.blocks,
      bytes: open.counts.bytes,
    };
    return result as unknown as Json;
  } finally {
    await open.release();
  }
}

/** A network's tensors `names` as one vector. */
function moduleVector({ networks, graph }: Family, names: readonly string[], n: number): Float32Array {
  return flatten(flatLayout(graph, names), networks[n]!.weights);
}

/** Mean of the draws; null when it is not a number. */
function mean(values: Float32Array): number | null {
  const sum = values.reduce((total, one) => total + one, 0);
  return values.length > 0 && Number.isFinite(sum) ? sum / values.length : null;
}

/** All draws one after another, place by place: the excess as a whole number of images, the loss in nats. */
function drawTensors(places: readonly SampledPlace[], block: number): Map<string, Tensor> {
  const count = places.reduce((sum, { excess }) => sum + excess.length, 0);
  const errors = new Int32Array(count);
  const loss = new Float32Array(count);
  let at = 0;
  for (const place of places) {
    errors.set(
      place.excess.map((one) => Math.round(one * block)),
      at,
    );
    loss.set(place.lossExcess, at);
    at += place.excess.length;
  }
  return new Map([
    ["errors", tensor("int32", [count], errors)],
    ["loss", float32([count], loss)],
  ]);
}
