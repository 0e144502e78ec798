import { z } from "zod";
import { matchActivations } from "../../align/activations.ts";
import type { Matching } from "../../align/matching.ts";
import { proveAlignment } from "../../align/prove.ts";
import { straightThrough } from "../../align/straight-through.ts";
import { matchWeights } from "../../align/weights.ts";
import { withWeights } from "../../autodiff/flat.ts";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { stream } from "../../base/random.ts";
import { Batcher, imageSource } from "../../data/batch.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import type { LoadedData } from "../../data/types.ts";
import { bind, symbols } from "../../graph/bind.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device, Runtime } from "../../runtime/session.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import { addressOf } from "../../store/spec.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { symmetrySize, unprovedSentences } from "../../symmetry/describe.ts";
import { permute } from "../../symmetry/permute.ts";
import { outerSize } from "../../symmetry/permutations.ts";
import { symmetries } from "../../symmetry/symmetries.ts";
import type { Permutations, Symmetry } from "../../symmetry/types.ts";
import { sizeOf, type Tensor, tensor } from "../../tensor/tensor.ts";
import type { ImageSource } from "../../train/evaluate.ts";
import { type Family, familyOf, imagesOf } from "../inputs.node.ts";
import { writeNetwork } from "../network.node.ts";
import { mixedImages, someImages } from "../some-images.ts";
import { multiplyAddsPerSecond, usualMultiplyAdds } from "../speed.ts";

/** Parameters of a cell that puts the units of one network (input b) in the order of another's (input a). */
export const alignParams = z.strictObject({
  method: z.enum(["weights", "activations", "ste"]),
  seed: z.int(),
  /** Images: activations and ste need them; weights prove themselves on noise without. */
  data: dataSpecSchema.optional(),
  /** activations: training images to compare units on. Default: 1024. */
  images: z.int().positive().optional(),
  /** ste: updates. Default: 200. */
  steps: z.int().positive().optional(),
  /** ste: of Adam. Default: 0.001. */
  learningRate: z.number().positive().optional(),
  /** Images at a time. Default: 128. */
  batch: z.int().positive().optional(),
  /** Multiply–adds of the network for one image: only for estimates of time. */
  multiplyAdds: z.number().positive().optional(),
});
export type AlignParams = z.infer<typeof alignParams>;

/** What an alignment found; the moved network is in `model.onnx`, the orders in `permutations.safetensors`. */
export interface AlignResult {
  readonly method: AlignParams["method"];
  /** See `Matching`. */
  readonly objective: readonly number[];
  readonly start: number;
  readonly sweeps: number;
  /** Sets of units that may be permuted, units in them, and how many were moved. */
  readonly spaces: number;
  readonly units: number;
  readonly moved: number;
  /** What could not be proved to be free and stayed in place, one sentence each. */
  readonly unproved: readonly string[];
  /** Largest difference of logits to the original's, relative to the largest logit. */
  readonly proof: number;
  /** Images the proof looked at; noise where no data were given. */
  readonly proofImages: number;
}

export const permutationsFile = "permutations.safetensors";

/** Images the proof looks at. */
const proofImages = 64;
/** Side of noise images for networks that leave it open. */
const openSide = 64;

/** Aligns two networks by the permutation symmetries of their graph, and proves that the moved one is what it was. */
export const alignCell: CellKind = {
  kind: "align",
  version: 1,
  estimate(raw) {
    const {
      method,
      images = 1024,
      steps = 200,
      batch = 128,
      multiplyAdds = usualMultiplyAdds,
    } = alignParams.parse(raw);
    if (method === "weights") return { seconds: 3 };
    const looked = method === "activations" ? 2 * images : 3 * steps * batch;
    return { seconds: 3 + (looked * multiplyAdds) / multiplyAddsPerSecond };
  },
  run,
};

async function run(context: CellContext): Promise<Json> {
  const params = alignParams.parse(context.params);
  const data = params.data && (await imagesOf(params.data, context));
  const set = params.data?.set ?? "";
  const family = await familyOf(context, ["a", "b"], data && { images: data, set });
  const symmetry = symmetries(family.graph);
  const runtime = await openRuntime(context.device as Device);
  const matching = await match(runtime, symmetry, family, params, data, context);
  const b = family.networks[1]!;
  const moved = permute(symmetry, matching.permutations, b.weights);
  const proof = await proveAlignment(
    runtime,
    data === undefined ? forNoise(family) : family.graph,
    family.names,
    b.weights,
    moved,
    data === undefined ? noise(family) : imageSource(someImages(data.train, proofImages), data),
    context.signal,
  );
  await writeSafetensors(
    `${context.dir}/${permutationsFile}`,
    ordersOf(symmetry, matching.permutations),
    {},
    { overwrite: true },
  );
  await writeNetwork(context.dir, b, withWeights(b.graph, moved), {
    "transferscope.align": JSON.stringify({ cell: addressOf(context.spec), method: params.method }),
  });
  const { spaces, positions } = symmetrySize(symmetry);
  const result: AlignResult = {
    method: params.method,
    objective: matching.objective,
    start: matching.start,
    sweeps: matching.sweeps,
    spaces,
    units: positions,
    moved: matching.moved.reduce((sum, one) => sum + one.positions, 0),
    unproved: unprovedSentences(symmetry),
    proof: proof.difference,
    proofImages: proof.images,
  };
  return JSON.parse(JSON.stringify(result)) as Json;
}

async function match(
  runtime: Runtime,
  symmetry: Symmetry,
  { graph, names, networks }: Family,
  params: AlignParams,
  data: LoadedData | undefined,
  context: CellContext,
): Promise<Matching> {
  const { method, seed, images = 1024, steps = 200, learningRate, batch = 128 } = params;
  const [a, b] = [networks[0]!.weights, networks[1]!.weights];
  const { parameters } = networks[0]!;
  const { signal } = context;
  if (method === "weights") return await matchWeights(runtime, symmetry, a, b, { seed, parameters }, signal);
  if (data === undefined) {
    throw new ScopeError("usage", `matching by ${method} looks at images, and none are named`, {
      hint: "name a data set, or match by weights",
    });
  }
  if (data.train.count === 0)
    throw new ScopeError("data", "there are no training images to compare units on");
  const size = Math.min(batch, data.train.count);
  if (method === "activations") {
    const source = imageSource(mixedImages(data.train, images), data);
    return await matchActivations(runtime, graph, names, symmetry, a, b, source, { batch: size }, signal);
  }
  const batches = new Batcher(data, data.train, { batch: size, orderSeed: seed });
  return await straightThrough(
    runtime,
    graph,
    names,
    symmetry,
    a,
    b,
    batches,
    {
      steps,
      seed,
      parameters,
      batch: size,
      ...(learningRate === undefined ? {} : { learningRate }),
      onStep: (step) => context.progress({ done: step + 1, total: steps, unit: "steps" }),
    },
    signal,
  );
}

/** The graph for images of noise: sides it leaves open are chosen. */
function forNoise({ graph }: Family): Family["graph"] {
  const batch = graph.inputs[0]!.shape[0];
  const open = symbols(graph).filter((symbol) => symbol !== batch);
  return open.length === 0
    ? graph
    : bind(graph, Object.fromEntries(open.map((symbol) => [symbol, openSide])));
}

/** Images of normal noise, the size the network takes. */
function noise(family: Family): ImageSource {
  const shape = forNoise(family).inputs[0]!.shape.slice(1) as number[];
  const size = sizeOf(shape);
  return {
    count: proofImages,
    labels: new Int32Array(proofImages),
    fill(into, from, count) {
      for (let row = 0; row < count; row++) {
        const random = stream(0, "noise", "proof", from + row);
        for (let i = 0; i < size; i++) into[row * size + i] = random.normal();
      }
    },
  };
}

/** The order of every space by its name: [n], or [m, n] for one within another. */
function ordersOf(symmetry: Symmetry, orders: Permutations): Map<string, Tensor> {
  return new Map(
    symmetry.spaces.flatMap((space): [string, Tensor][] => {
      const order = orders.get(space.id);
      if (order === undefined) return [];
      const shape = space.within === undefined ? [space.size] : [outerSize(symmetry, space), space.size];
      return [[space.name, tensor("int32", shape, order)]];
    }),
  );
}
