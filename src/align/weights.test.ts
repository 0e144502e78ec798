import { describe, expect, test } from "vitest";
import { parametric, residualNetwork } from "../../test/kit/graphs.ts";
import { runtime } from "../../test/kit/ort.ts";
import { addNoise, namesOf, noisy, plantable } from "../../test/kit/planted.ts";
import type { Graph } from "../graph/graph.ts";
import { randomPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { Matching } from "./matching.ts";
import { matchWeights } from "./weights.ts";

type Weights = ReadonlyMap<string, Tensor>;

function expectSame(found: Weights, wanted: Weights): void {
  for (const [name, tensor] of wanted) expect(found.get(name)!.data, name).toEqual(tensor.data);
}

/** Σ⟨A, P(B)⟩ by the definition, over tensors that carry a space. */
function objectiveOf(graph: Graph, a: Weights, moved: Weights): number {
  const { tensors } = symmetries(graph);
  let total = 0;
  for (const name of namesOf(graph).parameters.filter((one) => tensors.has(one))) {
    const other = moved.get(name)!.data as Float32Array;
    (a.get(name)!.data as Float32Array).forEach((value, i) => (total += value * other[i]!));
  }
  return total;
}

/** Never falls, ends where the definition says, and started there. */
function expectClimb(graph: Graph, a: Weights, b: Weights, found: Matching): void {
  const values = [found.start, ...found.objective];
  values.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(values[i]!));
  const end = objectiveOf(graph, a, permute(symmetries(graph), found.permutations, b));
  const size = Math.abs(objectiveOf(graph, a, a)) + Math.abs(objectiveOf(graph, b, b));
  expect(Math.abs(found.start - objectiveOf(graph, a, b)) / size).toBeLessThan(1e-6);
  expect(Math.abs(values.at(-1)! - end) / size).toBeLessThan(1e-6);
}

describe.each(plantable)("$name: weight matching recovers a planted order", ({ name, load, absent }) => {
  test.for([0, 0.02])("with noise of %d", async (noise, { skip }) => {
    skip(absent, `${name} is not here`);
    const graph = await load();
    const symmetry = symmetries(graph);
    const { parameters, all } = namesOf(graph);
    const a = noisy(graph, all, 1, 0.3);
    const planted = permute(symmetry, randomPermutations(symmetry, 5), a);
    const b = noise === 0 ? planted : addNoise(planted, 9, noise);
    const found = await matchWeights(await runtime(), symmetry, a, b, { seed: 0, parameters });
    expectSame(permute(symmetry, found.permutations, planted), a);
    expectClimb(graph, a, b, found);
  });
});

/** Three convolutions of four groups in a row: inner orders that depend on each other. */
function grouped(): Graph {
  const { g, parameter } = parametric();
  let y = g.input("x", "float32", ["N", 3, 6, 6]);
  const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  y = g.op("Relu", [
    g.op("Conv", [y, parameter("conv1.weight", [20, 3, 3, 3]), parameter("conv1.bias", [20])], pads),
  ]);
  for (const name of ["conv2", "conv3"]) {
    const inputs = [y, parameter(`${name}.weight`, [20, 5, 3, 3]), parameter(`${name}.bias`, [20])];
    y = g.op("Relu", [g.op("Conv", inputs, { ...pads, group: 4 })]);
  }
  y = g.op("Flatten", [g.op("GlobalAveragePool", [y])], { axis: 1 });
  g.output(g.op("Gemm", [y, parameter("head.weight", [4, 20]), parameter("head.bias", [4])], { transB: 1 }));
  return g.finish("grouped");
}

/** A weight that reads and writes the same units, three times over: one space on two axes. */
function recurrent(): Graph {
  const { g, parameter } = parametric();
  let y = g.matmul(g.input("x", "float32", ["N", 5]), parameter("in.weight", [5, 12]));
  const weight = parameter("loop.weight", [12, 12]);
  for (let step = 0; step < 3; step++) y = g.op("Tanh", [g.matmul(y, weight)]);
  g.output(g.matmul(y, parameter("head.weight", [12, 3])));
  return g.finish("recurrent");
}

describe("spaces that depend on themselves", () => {
  test.each([grouped, recurrent])("%o", async (make) => {
    const graph = make();
    const symmetry = symmetries(graph);
    const { parameters } = namesOf(graph);
    for (const seed of [1, 2, 3]) {
      const a = noisy(graph, parameters, seed, 1);
      const planted = permute(symmetry, randomPermutations(symmetry, seed), a);
      const b = addNoise(planted, seed, 0.05);
      const found = await matchWeights(await runtime(), symmetry, a, b, { seed, parameters });
      expectSame(permute(symmetry, found.permutations, planted), a);
      expectClimb(graph, a, b, found);
      const other = noisy(graph, parameters, seed + 10, 3);
      expectClimb(
        graph,
        a,
        other,
        await matchWeights(await runtime(), symmetry, a, other, { seed, parameters }),
      );
    }
  });
});

describe("matchWeights", () => {
  const graph = residualNetwork();
  const symmetry = symmetries(graph);
  const { parameters, all } = namesOf(graph);
  const a = noisy(graph, all, 1, 0.3);
  const b = addNoise(permute(symmetry, randomPermutations(symmetry, 8), a), 2, 1);

  test("one hidden layer is one assignment: one sweep", async () => {
    const { g, parameter } = parametric();
    const hidden = g.op("Relu", [
      g.matmul(g.input("x", "float32", ["N", 6]), parameter("fc1.weight", [6, 40])),
    ]);
    g.output(g.matmul(hidden, parameter("fc2.weight", [40, 3])));
    const small = g.finish("one hidden layer");
    const names = namesOf(small).parameters;
    const [one, other] = [noisy(small, names, 1, 2), noisy(small, names, 2, 2)];
    const found = await matchWeights(await runtime(), symmetries(small), one, other, {
      seed: 0,
      parameters: names,
    });
    expect(found.sweeps).toBe(1);
    expect(found.objective).toHaveLength(1);
    expectClimb(small, one, other, found);
  });

  test("no single swap of two units of one space can gain any more", async () => {
    const found = await matchWeights(await runtime(), symmetry, a, b, { seed: 0, parameters });
    expectClimb(graph, a, b, found);
    const end = found.objective.at(-1)!;
    for (const { id, size } of symmetry.spaces) {
      for (let i = 1; i < size; i++) {
        for (let j = 0; j < i; j++) {
          const order = found.permutations.get(id)!.slice();
          [order[i], order[j]] = [order[j]!, order[i]!];
          const swapped = new Map(found.permutations).set(id, order);
          expect(objectiveOf(graph, a, permute(symmetry, swapped, b))).toBeLessThan(
            end + 1e-5 * Math.abs(end),
          );
        }
      }
    }
  });

  test("the same seed gives the same bytes; a start is gone on from", async () => {
    const run = async (options: Partial<Parameters<typeof matchWeights>[4]>): Promise<Matching> =>
      matchWeights(await runtime(), symmetry, a, b, { seed: 3, parameters, ...options });
    const found = await run({});
    expect(await run({})).toEqual(found);
    const again = await run({ start: found.permutations });
    expect(again).toMatchObject({ objective: [], permutations: found.permutations });
    expect((await run({ maxSweeps: 1 })).sweeps).toBe(1);
    expect(await run({ maxSweeps: 0 })).toMatchObject({ sweeps: 0, objective: [] });
  });

  test("statistics are moved, but not compared", async () => {
    const planted = permute(symmetry, randomPermutations(symmetry, 4), a);
    const wild = new Map(planted);
    for (const name of all.filter((one) => !parameters.includes(one))) {
      const { shape, data } = planted.get(name)!;
      wild.set(
        name,
        float32(
          shape,
          Array.from({ length: data.length }, (_, i) => 100 + i),
        ),
      );
    }
    const found = await matchWeights(await runtime(), symmetry, a, wild, { seed: 0, parameters });
    const back = permute(symmetry, found.permutations, planted);
    expectSame(back, a);
  });

  test("moved counts units that changed place", async () => {
    const same = await matchWeights(await runtime(), symmetry, a, a, { seed: 0, parameters });
    expect(same.moved).toEqual(symmetry.spaces.map(({ id }) => ({ space: id, positions: 0 })));
    const { id, size } = symmetry.spaces[0]!;
    const order = Int32Array.from({ length: size }, (_, i) => (i < 2 ? 1 - i : i));
    const swapped = permute(symmetry, new Map([[id, order]]), a);
    const found = await matchWeights(await runtime(), symmetry, a, swapped, { seed: 0, parameters });
    expect(found.moved.map(({ positions }) => positions)).toEqual(
      symmetry.spaces.map((_, i) => (i === 0 ? 2 : 0)),
    );
  });

  test("weights that are missing, of another shape or no numbers are refused in one sentence", async () => {
    const name = parameters.find((one) => one.endsWith("conv1.weight"))!;
    const { shape, data } = a.get(name)!;
    const rt = await runtime();
    const against = (tensor: Tensor | undefined): Promise<Matching> => {
      const other = new Map(a);
      if (tensor === undefined) other.delete(name);
      else other.set(name, tensor);
      return matchWeights(rt, symmetry, a, other, { seed: 0, parameters });
    };
    await expect(against(undefined)).rejects.toThrow(`the weights have no "${name}"`);
    await expect(against(float32([1], [1]))).rejects.toThrow(
      `the network's "${name}" has shape [${shape.join(", ")}]`,
    );
    await expect(
      against({ dtype: "float64", shape, data: Float64Array.from(data as Float32Array) }),
    ).rejects.toThrow("only float32 weights can be matched");
    const bad = Float32Array.from(data as Float32Array);
    bad[3] = NaN;
    await expect(against(float32(shape, bad))).rejects.toThrow(`the weights of "${name}" are not all finite`);
  });
});
