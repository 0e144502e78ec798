import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { recordedNames, readRecorded } from "../../test/kit/networks.ts";
import { permuted, relativeDifference, weightsOf, withNoise, withTensors } from "../../test/kit/symmetry.ts";
import { untie } from "../graph/fold.ts";
import type { Graph } from "../graph/graph.ts";
import { prune } from "../graph/topology.ts";
import { modules } from "../graph/modules.ts";
import { buildModel, modelSpecSchema } from "../models/model.ts";
import { readModel } from "../onnx/read.node.ts";
import { float32 } from "../tensor/tensor.ts";
import { symmetrySize } from "./describe.ts";
import { carriers } from "./matrix.ts";
import { randomPermutations } from "./permutations.ts";
import { permute } from "./permute.ts";
import { symmetries } from "./symmetries.ts";

const exports = new URL("../../test/oracle/exports/", import.meta.url).pathname;
const mobilenet = new URL("../../../shared/data/models/mobilenetv3-small.onnx", import.meta.url).pathname;

// Sums in another order: a few roundings of float32 over a dozen layers.
const tolerance = 1e-5;

/** Its file has two outputs, "features" and "logits". */
async function readMobilenet(outputs: readonly string[]): Promise<Graph> {
  return prune(untie(await readModel(mobilenet)), outputs);
}

/** What theory says is free: number of spaces, of positions (nested ones counted everywhere). */
const zoo: Readonly<Record<string, readonly [spaces: number, positions: number]>> = {
  // Every hidden unit.
  mlp: [2, 20],
  // Every channel and unit: 4 + 4 + 6 + 6 + 5, 4 + 6 + 8, 16 + 32.
  cnn: [5, 25],
  "cnn-max": [3, 18],
  "cnn-wide": [2, 48],
  // Group norm: groups move as wholes, channels within them.
  "cnn-average": [4, 14],
  // A stream of 4 + 4 + 8 channels (stem, zero channels added twice), and one space for each block's inside.
  "resnet-batch": [9, 72],
  "resnet-fixup": [9, 72],
  "resnet-layer": [9, 72],
  // Projected shortcuts: one stream for each stage (4, 8, 16) and a space for each block's inside (4, 8, 16).
  "resnet-batch-conv": [6, 56],
  "resnet-fixup-conv": [6, 56],
  "resnet-layer-conv": [6, 56],
  // Two groups of 2, 4 and 8 in each of six spaces.
  "resnet-group-conv": [12, 68],
  // As above inside blocks. The stream's groups lie differently in each stage: what is left is 2 × 2 of the stem's.
  "resnet-group": [14, 74],
  // 3 + 5 + 2·10 + 2·20 + 2·20 channels.
  vgg: [8, 108],
  "vgg-plain": [8, 108],
  // Stream 16; in each of 2 blocks 2 heads, 8 units of q and k and 8 of v in each head, 32 MLP units.
  vit: [9, 148],
  "vit-cls": [9, 148],
};

interface Case {
  readonly name: string;
  readonly load: () => Promise<Graph>;
  readonly free: readonly [spaces: number, positions: number];
  /** A trained network of 54 layers stands less before its three logits are small next to what they are sums of. */
  readonly noise?: number;
  readonly absent?: boolean;
}

const cases: readonly Case[] = [
  ...recordedNames("network").map((name) => ({
    name,
    load: async () => (await readRecorded(name)).model.graph,
    free: zoo[name]!,
  })),
  ...["resnet", "resnet-folded"].map((file) => ({
    name: `PyTorch's export ${file}`,
    load: async () => untie(await readModel(`${exports}${file}.onnx`)),
    free: [6, 36] as const,
  })),
  ...["vit", "vit-folded"].map((file) => ({
    name: `PyTorch's export ${file}`,
    load: async () => untie(await readModel(`${exports}${file}.onnx`)),
    // Stream 8; in each of 2 blocks 2 heads, 4 + 4 units in each head, 16 MLP units.
    free: [9, 76] as const,
  })),
  {
    name: "MobileNetV3 small",
    load: () => readMobilenet(["logits"]),
    // Expansions, squeeze-excites, streams of 16, 24, 40, 48 and 96, then 576 and 1,024 at the end.
    free: [27, 4872],
    noise: 0.01,
    absent: !existsSync(mobilenet),
  },
];

describe.each(cases)("$name", ({ name, load, free, noise = 0.1, absent = false }) => {
  test("what theory says is free is free, and nothing is left unproved", async ({ skip }) => {
    skip(absent, `${name} is not here`);
    const graph = await load();
    const symmetry = symmetries(graph);
    const { spaces, positions } = symmetrySize(symmetry);
    expect([spaces, positions]).toEqual(free);
    expect(symmetry.unproved).toEqual([]);
    expect(new Set(symmetry.spaces.map((space) => space.name)).size).toBe(spaces);
    const known = new Set(
      modules(graph, "layer").flatMap((module) => [...module.parameters, ...module.statistics]),
    );
    for (const tensor of symmetry.tensors.keys()) expect(known.has(tensor)).toBe(true);
    for (const space of symmetry.spaces) expect(symmetry.values.get(space.id)!.length).toBeGreaterThan(0);
  });

  test("random permutations leave the outputs unchanged", async ({ skip }) => {
    skip(absent, `${name} is not here`);
    const plain = await load();
    const symmetry = symmetries(plain);
    const graph = withNoise(plain, symmetry.tensors.keys(), noise);
    for (const seed of [1, 2]) {
      const other = permuted(graph, symmetry, randomPermutations(symmetry, seed));
      expect(await relativeDifference(graph, other)).toBeLessThan(tolerance);
    }
  });
});

describe("wrong symmetries show", () => {
  test.each(["mlp", "resnet-batch", "resnet-group-conv", "vit"])(
    "%s: a tensor left out changes the outputs, whichever it is",
    async (name) => {
      const { model } = await readRecorded(name);
      const symmetry = symmetries(model.graph);
      const graph = withNoise(model.graph, symmetry.tensors.keys(), 0.3);
      const weights = weightsOf(graph, symmetry);
      const all = randomPermutations(symmetry, 4);
      for (const space of symmetry.spaces) {
        // Reversed: no position of an even number stays where it is.
        const order = all.get(space.id)!.map((_, i) => space.size - 1 - (i % space.size));
        const moved = permute(symmetry, new Map([[space.id, order]]), weights);
        const names = [...new Set(carriers(symmetry, space.id).map((carrier) => carrier.tensor))];
        for (const left of names.filter((_, i) => i % 3 === 0)) {
          const wrong = withTensors(graph, new Map(moved).set(left, weights.get(left)!));
          expect(await relativeDifference(graph, wrong), `${space.name} without ${left}`).toBeGreaterThan(
            1e-4,
          );
        }
      }
    },
  );

  test("positions of an axis that is not free matter: inputs and classes", async () => {
    const { model } = await readRecorded("mlp");
    const symmetry = symmetries(model.graph);
    const graph = withNoise(model.graph, symmetry.tensors.keys(), 0.3);
    expect(symmetry.tensors.get("head.weight")![0]![0]![0]!.space).toBeUndefined();
    const { shape, data } = graph.initializers.get("head.weight")!.load();
    const width = shape[1]!;
    const swapped = Float32Array.from(data as Float32Array);
    swapped.copyWithin(0, width, 2 * width);
    swapped.set((data as Float32Array).subarray(0, width), width);
    const other = withTensors(graph, new Map([["head.weight", float32(shape, swapped)]]));
    expect(await relativeDifference(graph, other)).toBeGreaterThan(1e-2);
  });
});

test("MobileNetV3's features stay in their order when they count as an output", async ({ skip }) => {
  skip(!existsSync(mobilenet), `${mobilenet} is not here`);
  const symmetry = symmetries(await readMobilenet(["features", "logits"]));
  expect(symmetrySize(symmetry).positions).toBe(4872 - 576);
  expect(symmetry.unproved).toEqual([
    { where: "features.12.w axis 0", size: 576, reason: 'the network shows it in its output "features"' },
  ]);
});

test("a network as large as ResNet-50 is analysed in less than a second", () => {
  const spec = modelSpecSchema.parse({
    arch: "resnet",
    depth: 56,
    width: 8,
    norm: "batch",
    shortcut: "conv",
  });
  const { graph } = buildModel(spec, { channels: 3, height: 32, width: 32, classes: 10 });
  const start = performance.now();
  const symmetry = symmetries(graph);
  // 0.1 s on the machine this was written on.
  expect(performance.now() - start).toBeLessThan(1000);
  expect(symmetry.spaces.length).toBe(3 + 27);
});
