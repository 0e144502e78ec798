import { existsSync } from "node:fs";
import { flatten } from "../../src/autodiff/flat.ts";
import { stream } from "../../src/base/random.ts";
import { bind, symbols } from "../../src/graph/bind.ts";
import { untie } from "../../src/graph/fold.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { modules } from "../../src/graph/modules.ts";
import { float32, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { type ImageSource, openEvaluator } from "../../src/train/evaluate.ts";
import { prune } from "../../src/graph/topology.ts";
import { readModel } from "../../src/onnx/read.node.ts";
import { readRecorded, recordedNames } from "./networks.ts";
import { runtime } from "./ort.ts";

/** Names of a network's trainable parameters, and of these with its statistics. */
export function namesOf(graph: Graph): { parameters: string[]; all: string[] } {
  const layers = modules(graph, "layer");
  const parameters = layers.flatMap((layer) => layer.parameters);
  return { parameters, all: [...parameters, ...layers.flatMap((layer) => layer.statistics)] };
}

/** A network's own weights with normal noise, relative to each tensor's root mean square; variances stay positive. */
export function noisy(
  graph: Graph,
  names: readonly string[],
  seed: number,
  noise: number,
): Map<string, Tensor> {
  return addNoise(new Map(names.map((name) => [name, graph.initializers.get(name)!.load()])), seed, noise);
}

/** The same for given weights. */
export function addNoise(
  weights: ReadonlyMap<string, Tensor>,
  seed: number,
  noise: number,
): Map<string, Tensor> {
  return new Map(
    [...weights].map(([name, old]) => {
      const random = stream(seed, "noise", name);
      const data = Float32Array.from(old.data as Float32Array);
      let squares = 0;
      for (const value of data) squares += value * value;
      // What is initialised to zero gets noise as well, or its units would be equal.
      const size = Math.max(Math.sqrt(squares / data.length), 0.05);
      const positive = data.every((value) => value >= 0) && /var/.test(name);
      for (let i = 0; i < data.length; i++) {
        data[i] = positive
          ? data[i]! * (1 + noise * random.uniform())
          : data[i]! + noise * size * random.normal();
      }
      return [name, float32(old.shape, data)];
    }),
  );
}

/** `count` images of normal noise for a network's input [N, …], with labels 0 … classes−1 in turn. */
export function noiseImages(graph: Graph, count: number, classes = 2, seed = 0): ImageSource {
  const shape = graph.inputs[0]!.shape.slice(1).map(Number);
  const size = sizeOf(shape);
  const random = stream(seed, "noise", "images");
  const pixels = Float32Array.from({ length: count * size }, () => random.normal());
  return {
    count,
    labels: Array.from({ length: count }, (_, i) => i % classes),
    fill: (into, from, some) => into.set(pixels.subarray(from * size, (from + some) * size)),
  };
}

/** The mean of two networks' weights. */
export function halfWay(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    [...a].map(([name, one]) => {
      const other = b.get(name)!.data as Float32Array;
      return [
        name,
        float32(
          one.shape,
          (one.data as Float32Array).map((value, i) => (value + other[i]!) / 2),
        ),
      ];
    }),
  );
}

/** Logits [count, K] of a network with the given weights. */
export async function logitsOf(
  graph: Graph,
  names: readonly string[],
  weights: ReadonlyMap<string, Tensor>,
  images: ImageSource,
): Promise<Float32Array> {
  const evaluator = await openEvaluator(await runtime(), graph, names, images.count);
  try {
    return await evaluator.logits(flatten(evaluator.layout, weights), images);
  } finally {
    await evaluator.release();
  }
}

/** Largest difference, relative to the largest number of the second. */
export function relativeDifference(found: Float32Array, wanted: Float32Array): number {
  let largest = 0;
  let difference = 0;
  wanted.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - found[i]!));
  });
  return difference / largest;
}

const exportsFolder = new URL("../oracle/exports/", import.meta.url).pathname;
const mobilenet = new URL("../../../shared/data/models/mobilenetv3-small.onnx", import.meta.url).pathname;

/** Networks to plant an order in: every architecture of the zoo, PyTorch's exports, and a real model where it is. */
export const plantable: readonly {
  readonly name: string;
  readonly load: () => Promise<Graph>;
  readonly absent: boolean;
}[] = [
  ...recordedNames("network").map((name) => ({
    name,
    load: async () => (await readRecorded(name)).model.graph,
    absent: false,
  })),
  ...["resnet", "vit"].map((file) => ({
    name: `PyTorch's export ${file}`,
    load: () => sized(`${exportsFolder}${file}.onnx`, "logits"),
    absent: false,
  })),
  {
    name: "MobileNetV3 small",
    load: () => sized(mobilenet, "logits"),
    absent: !existsSync(mobilenet),
  },
];

/** A model from a file, for images of 32 × 32 where it takes any. */
async function sized(path: string, output: string): Promise<Graph> {
  const graph = untie(await readModel(path));
  const pruned = graph.outputs.length > 1 ? prune(graph, [output]) : graph;
  const spatial = symbols(pruned).filter((symbol) => symbol !== pruned.inputs[0]!.shape[0]);
  return bind(pruned, Object.fromEntries(spatial.map((symbol) => [symbol, 32])));
}
