import { describe, expect, test } from "vitest";
import { readRecorded, recordedNames } from "../../test/kit/networks.ts";
import { runtime } from "../../test/kit/ort.ts";
import { stream } from "../base/random.ts";
import type { Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { randomPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { matchWeights } from "./weights.ts";

type Weights = ReadonlyMap<string, Tensor>;

/** A network's own weights with noise of the given size (relative to each tensor's), statistics kept positive. */
function noisy(graph: Graph, names: readonly string[], seed: number, noise: number): Map<string, Tensor> {
  return new Map(
    names.map((name) => {
      const random = stream(seed, "noise", name);
      const old = graph.initializers.get(name)!.load();
      const data = Float32Array.from(old.data as Float32Array);
      const size = Math.max(Math.hypot(...data) / Math.sqrt(data.length), 0.05);
      for (let i = 0; i < data.length; i++) {
        data[i] = name.endsWith("running_var")
          ? data[i]! * (1 + 0.3 * random.uniform())
          : data[i]! + noise * size * random.normal();
      }
      return [name, float32(old.shape, data)];
    }),
  );
}

function namesOf(graph: Graph): { parameters: string[]; all: string[] } {
  const layers = modules(graph, "layer");
  const parameters = layers.flatMap((layer) => layer.parameters);
  return { parameters, all: [...parameters, ...layers.flatMap((layer) => layer.statistics)] };
}

function expectSame(found: Weights, wanted: Weights): void {
  for (const [name, tensor] of wanted) expect(found.get(name)!.data, name).toEqual(tensor.data);
}

describe("weight matching recovers a planted order", () => {
  test.each(recordedNames("network"))("%s", async (name) => {
    const { model } = await readRecorded(name);
    const symmetry = symmetries(model.graph);
    const { parameters, all } = namesOf(model.graph);
    const a = noisy(model.graph, all, 1, 0.3);
    const b = permute(symmetry, randomPermutations(symmetry, 5), a);
    const found = await matchWeights(await runtime(), symmetry, a, b, { seed: 0, parameters });
    expectSame(permute(symmetry, found.permutations, b), a);
  });
});
