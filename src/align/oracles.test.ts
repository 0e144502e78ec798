/** Git Re-Basin's and our closed-form cases of permutations: /work/shared/reference/papers.md, I.3 and I.9. */
import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { logitsOf } from "../../test/kit/planted.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { identityPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import type { Permutations } from "../symmetry/types.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { matchActivations } from "./activations.ts";
import { matchWeights } from "./weights.ts";

type Weights = ReadonlyMap<string, Tensor>;

function mix(a: Weights, b: Weights, share: number): Map<string, Tensor> {
  return new Map(
    [...a].map(([name, { shape, data }]) => [
      name,
      float32(
        shape,
        Array.from(
          { length: data.length },
          (_, i) => (1 - share) * Number(data[i]) + share * Number(b.get(name)!.data[i]),
        ),
      ),
    ]),
  );
}

function points(rows: readonly (readonly number[])[]): ImageSource {
  const size = rows[0]!.length;
  return {
    count: rows.length,
    labels: new Int32Array(rows.length),
    fill: (into, from, count) => {
      for (let i = 0; i < count; i++) into.set(rows[from + i]!, i * size);
    },
  };
}

describe("I.3: f(x) = relu(x) − relu(−x), written down in both orders", () => {
  const tensors = (w: number[], v: number[]): Map<string, Tensor> =>
    new Map([
      ["w", float32([1, 2], w)],
      ["v", float32([2, 1], v)],
    ]);
  const a = tensors([1, -1], [1, -1]);
  const b = tensors([-1, 1], [-1, 1]);
  const g = new Builder();
  const x = g.input("x", "float32", ["N", 1]);
  const [w = "", v = ""] = [...a].map(([name, value]) => g.parameter(constant(name, value)));
  g.output(g.matmul(g.op("Relu", [g.matmul(x, w)]), v));
  const graph: Graph = g.finish("identity");
  const symmetry = symmetries(graph);
  const names = ["w", "v"];
  const set = points([[-1], [1]]);
  const error = async (weights: Weights): Promise<number> => {
    const f = await logitsOf(graph, names, weights, set);
    return ((f[0]! + 1) ** 2 + (f[1]! - 1) ** 2) / 2;
  };

  test("the straight path has a barrier of 1, (1 − (1 − 2α)²)² all along", async () => {
    for (const share of [0, 0.125, 0.25, 0.5, 0.75, 1]) {
      const s = 1 - 2 * share;
      expect(await error(mix(a, b, share))).toBeCloseTo((1 - s * s) ** 2, 6);
    }
  });

  test.each(["weights", "activations"])(
    "matching by %s finds the swap, and the barrier is gone",
    async (by) => {
      const rt = await runtime();
      const found =
        by === "weights"
          ? await matchWeights(rt, symmetry, a, b, { seed: 0, parameters: names })
          : await matchActivations(rt, graph, names, symmetry, a, b, set);
      expect([...found.permutations]).toEqual([[symmetry.spaces[0]!.id, Int32Array.of(1, 0)]]);
      if (by === "weights") expect(found).toMatchObject({ start: -4, objective: [4] });
      const moved = permute(symmetry, found.permutations, b);
      for (const share of [0, 0.25, 0.5, 1]) expect(await error(mix(a, moved, share))).toBe(0);
    },
  );
});

describe("I.9: two networks that no permutation connects (Git Re-Basin's counter-example)", () => {
  const tensors = (values: readonly number[][]): Map<string, Tensor> =>
    new Map(
      (
        [
          ["fc1.weight", [2, 2]],
          ["fc1.bias", [2]],
          ["fc2.weight", [2, 2]],
          ["fc2.bias", [2]],
          ["fc3.weight", [2, 1]],
          ["fc3.bias", [1]],
        ] as const
      ).map(([name, shape], i) => [name, float32(shape, values[i]!)]),
    );
  const a = tensors([[-1, 0, 0, -1], [1, 0], [-1, 0, 0, 1], [1, 0], [-1, -1], [0]]);
  const b = tensors([[1, 0, 0, 1], [0, 1], [1, 0, 0, -1], [0, 1], [-1, -1], [0]]);
  const g = new Builder();
  let y = g.input("x", "float32", ["N", 2]);
  for (const layer of ["fc1", "fc2", "fc3"]) {
    const [weight = "", bias = ""] = ["weight", "bias"].map((part) =>
      g.parameter(constant(`${layer}.${part}`, a.get(`${layer}.${part}`)!)),
    );
    y = g.plus(g.matmul(y, weight), bias);
    if (layer !== "fc3") y = g.op("PRelu", [y, g.scalar(0.01)]);
  }
  g.output(y);
  const graph = g.finish("counter-example");
  const symmetry = symmetries(graph);
  const names = [...a.keys()];
  const side = 201;
  const rows = Array.from({ length: side * side }, (_, i) => [
    -1 + (2 * (i % side)) / (side - 1),
    -1 + (2 * Math.floor(i / side)) / (side - 1),
  ]);
  const set = points(rows);
  const error = async (weights: Weights): Promise<number> => {
    const f = await logitsOf(graph, names, weights, set);
    return rows.filter(([x1, x2], i) => f[i]! >= 0 !== (x1! <= 0 && x2! >= 0)).length / rows.length;
  };
  const swap = Int32Array.of(1, 0);

  test.each([
    ["none", [false, false], 0.252],
    ["the first layer's units swapped", [true, false], 0.25],
    ["the second layer's units swapped", [false, true], 0.252],
    ["both swapped", [true, true], 0.25],
  ] as const)("%s: largest error on the path", async (_, which, wanted) => {
    expect(symmetry.spaces).toHaveLength(2);
    const orders: Permutations = new Map(
      [...identityPermutations(symmetry)].map(([id, order], i) => [id, which[i]! ? swap : order]),
    );
    const moved = permute(symmetry, orders, b);
    const errors: number[] = [];
    for (let i = 0; i <= 10; i++) errors.push(await error(mix(a, moved, i / 10)));
    // Of the points on the boundary, where f is 0 but for rounding, one may fall on the other side.
    expect(errors[0]).toBeLessThan(1.5 / rows.length);
    expect(errors[10]).toBeLessThan(1.5 / rows.length);
    expect(Math.max(...errors)).toBeCloseTo(wanted, 3);
  });

  test("weight matching climbs to the better of the four", async () => {
    const found = await matchWeights(await runtime(), symmetry, a, b, { seed: 0, parameters: names });
    const value = (orders: Permutations): number => {
      const moved = permute(symmetry, orders, b);
      return [...symmetry.tensors.keys()].reduce(
        (sum, name) =>
          sum +
          (a.get(name)!.data as Float32Array).reduce(
            (part, one, i) => part + one * Number(moved.get(name)!.data[i]),
            0,
          ),
        0,
      );
    };
    const ids = symmetry.spaces.map((space) => space.id);
    const own = Int32Array.of(0, 1);
    const all = [own, swap].flatMap((one) =>
      [own, swap].map((other) =>
        value(
          new Map([
            [ids[0]!, one],
            [ids[1]!, other],
          ]),
        ),
      ),
    );
    expect(value(found.permutations)).toBe(Math.max(...all));
  });
});
