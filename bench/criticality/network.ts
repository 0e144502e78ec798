/**
 * What both sides of bench/criticality.ts look at: a ResNet from random weights, the same after a short training run on
 * CIFAR-10, and images of its training set, in one safetensors file that PyTorch reads too. Kept in a folder, so that the
 * network is trained once.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { withWeights } from "../../src/autodiff/flat.ts";
import { trainableRoles } from "../../src/cells/kinds/train.node.ts";
import { mixedImages } from "../../src/cells/some-images.ts";
import { Batcher, imageSource } from "../../src/data/batch.ts";
import { defaultCache, loadData } from "../../src/data/load.node.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { buildModel, initialise, modelSpecSchema } from "../../src/models/model.ts";
import type { ModelIo } from "../../src/models/types.ts";
import { openRuntime } from "../../src/runtime/ort.node.ts";
import { readSafetensors } from "../../src/safetensors/read.node.ts";
import { writeSafetensors } from "../../src/safetensors/write.node.ts";
import { float32, sizeOf, type Tensor, tensor } from "../../src/tensor/tensor.ts";
import type { ImageSource } from "../../src/train/evaluate.ts";
import { recipeSchema } from "../../src/train/recipe.ts";
import { openTrainer } from "../../src/train/trainer.ts";

/** What is looked at: everything the file depends on. */
export interface Subject {
  readonly depth: number;
  readonly images: number;
  /** Side of the images in pixels, at most CIFAR-10's 32. */
  readonly side: number;
  /** Training steps of 64 images; they decide how good the final network is. */
  readonly steps: number;
}

/** The file, read. */
export interface Opened {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly io: ModelIo;
  /** With the final weights in its initializers. */
  readonly graph: Graph;
  /** Parameters in the graph's order. */
  readonly names: readonly string[];
  readonly initial: ReadonlyMap<string, Tensor>;
  readonly final: ReadonlyMap<string, Tensor>;
  readonly images: ImageSource;
}

const ioOf = ({ side }: Subject): ModelIo => ({ channels: 3, height: side, width: side, classes: 10 });
const specOf = ({ depth }: Subject): Readonly<Record<string, unknown>> => ({
  arch: "resnet",
  depth,
  norm: "fixup",
});

/** The subject's file in `folder`, made where it is not there yet. Returns its path. */
export async function prepare(subject: Subject, folder: string): Promise<string> {
  const { depth, images, side, steps } = subject;
  const path = join(folder, `resnet-${depth}-${side}px-${steps}-steps-${images}-images.safetensors`);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  const io = ioOf(subject);
  const model = buildModel(modelSpecSchema.parse(specOf(subject)), io);
  const started = initialise(model.parameters, { init: 0, head: 0 });
  const initial = new Map(
    model.parameters.map((info) => [info.name, float32(info.shape, started.get(info.name)!)]),
  );
  const data = await loadData(
    { set: "cifar10", ...(side === 32 ? {} : { height: side, width: side }) },
    { cache: defaultCache() },
  );
  const recipe = recipeSchema.parse({ steps, batch: 64, learningRate: 0.05 });
  const batches = new Batcher(data, data.train, { batch: recipe.batch, orderSeed: 0 });
  const trainer = await openTrainer(
    await openRuntime(),
    withWeights(model.graph, initial),
    trainableRoles(model.parameters, [], {}),
    recipe,
    steps,
    batches,
  );
  const state = await trainer.advance(trainer.start(), steps, () => undefined);
  const source = imageSource(mixedImages(data.train, images), data);
  const pixels = new Float32Array(source.count * sizeOf([io.channels, side, side]));
  source.fill(pixels, 0, source.count);
  const tensors = new Map<string, Tensor>([
    ...[...initial].map(([name, value]) => [`initial.${name}`, value] as const),
    ...[...trainer.weights(state)].map(([name, value]) => [`final.${name}`, value] as const),
    ["images", float32([source.count, io.channels, side, side], pixels)],
    ["labels", tensor("int32", [source.count], Int32Array.from(source.labels))],
  ]);
  await trainer.release();
  await writeSafetensors(path, tensors, {
    spec: JSON.stringify(specOf(subject)),
    io: JSON.stringify(io),
  });
  return path;
}

/** Reads what `prepare` wrote. */
export async function open(path: string): Promise<Opened> {
  const { tensors, metadata } = await readSafetensors(path);
  const spec = JSON.parse(metadata["spec"]!) as Opened["spec"];
  const io = JSON.parse(metadata["io"]!) as ModelIo;
  const model = buildModel(modelSpecSchema.parse(spec), io);
  const names = model.parameters.map((info) => info.name);
  const group = (prefix: string): Map<string, Tensor> =>
    new Map(names.map((name) => [name, tensors.get(`${prefix}.${name}`)!.load()]));
  const final = group("final");
  const pixels = tensors.get("images")!.load().data as Float32Array;
  const labels = tensors.get("labels")!.load().data as Int32Array;
  const size = pixels.length / labels.length;
  return {
    spec,
    io,
    graph: withWeights(model.graph, final),
    names,
    initial: group("initial"),
    final,
    images: {
      count: labels.length,
      labels,
      fill: (into, from, count) => into.set(pixels.subarray(from * size, (from + count) * size)),
    },
  };
}
