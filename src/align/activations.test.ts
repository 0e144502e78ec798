import { describe, expect, test } from "vitest";
import { readRecorded } from "../../test/kit/networks.ts";
import { runtime } from "../../test/kit/ort.ts";
import {
  addNoise,
  halfWay,
  logitsOf,
  namesOf,
  noiseImages,
  noisy,
  plantable,
  relativeDifference,
} from "../../test/kit/planted.ts";
import { parametric, residualNetwork } from "../../test/kit/graphs.ts";
import { withWeights } from "../autodiff/flat.ts";
import { bind } from "../graph/bind.ts";
import { randomPermutations } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import { symmetries } from "../symmetry/symmetries.ts";
import { float32 } from "../tensor/tensor.ts";
import { matchActivations } from "./activations.ts";
import { proveAlignment } from "./prove.ts";

/** Some units of these are silent on these images (in squeeze-excites, say): they have no order to be recovered. */
const silent = new Set(["vgg", "MobileNetV3 small"]);

describe("activation matching recovers a planted order", () => {
  test.for(plantable)("$name", async ({ name, load, absent }, { skip }) => {
    skip(absent, `${name} is not here`);
    const graph = await load();
    const symmetry = symmetries(graph);
    const { all } = namesOf(graph);
    const a = noisy(graph, all, 1, 0.3);
    const b = permute(symmetry, randomPermutations(symmetry, 5), a);
    const images = noiseImages(graph, 50);
    const rt = await runtime();
    const found = await matchActivations(rt, graph, all, symmetry, a, b, images, { batch: 16 });
    const back = permute(symmetry, found.permutations, b);
    await proveAlignment(rt, graph, all, b, back, images);
    if (!silent.has(name))
      for (const [key, tensor] of a) expect(back.get(key)!.data, key).toEqual(tensor.data);
    // Each unit that is not silent is found: its correlation with itself is 1, but for a few that hardly ever speak and
    // of which rounding (other sums' order) makes something else.
    const own = await matchActivations(rt, graph, all, symmetry, a, a, images, { batch: 16 });
    expect(found.objective.at(-1)! / own.start).toBeGreaterThan(silent.has(name) ? 0.999 : 1 - 1e-6);
    if (name === "MobileNetV3 small") return;
    // Half-way between the two, silent units included, the network does what both do.
    const wanted = await logitsOf(graph, all, a, images);
    const middle = await logitsOf(graph, all, halfWay(a, back), images);
    expect(relativeDifference(middle, wanted)).toBeLessThan(1e-5);
  });
});

describe("matchActivations", () => {
  const graph = residualNetwork();
  const symmetry = symmetries(graph);
  const { all } = namesOf(graph);
  const a = noisy(graph, all, 1, 0.3);
  const planted = permute(symmetry, randomPermutations(symmetry, 5), a);

  test("noise on the weights does not hide the order, by either measure", async () => {
    const b = addNoise(planted, 2, 0.02);
    const images = noiseImages(graph, 64);
    for (const measure of ["correlation", "product"] as const) {
      const found = await matchActivations(await runtime(), graph, all, symmetry, a, b, images, { measure });
      const back = permute(symmetry, found.permutations, planted);
      if (measure === "correlation")
        for (const [key, tensor] of a) expect(back.get(key)!.data, key).toEqual(tensor.data);
      expect(found.objective.at(-1)!).toBeGreaterThan(found.start);
    }
  });

  test("is the same for any batch: the last one may be smaller", async () => {
    const b = addNoise(planted, 2, 0.5);
    const images = noiseImages(graph, 37);
    const rt = await runtime();
    const runs = await Promise.all(
      [37, 8, 5, 1000].map((batch) => matchActivations(rt, graph, all, symmetry, a, b, images, { batch })),
    );
    for (const run of runs) {
      expect(run.permutations).toEqual(runs[0]!.permutations);
      expect(run.start).toBeCloseTo(runs[0]!.start, 4);
      expect(run.objective.at(-1)!).toBeCloseTo(runs[0]!.objective.at(-1)!, 4);
    }
  });

  test("constant units score nothing, and never NaN", async () => {
    const { model } = await readRecorded("mlp");
    const { all: names } = namesOf(model.graph);
    const whole = symmetries(model.graph);
    const first = noisy(model.graph, names, 1, 0.3);
    const key = names.find((name) => name.endsWith("weight"))!;
    const { shape, data } = first.get(key)!;
    first.set(key, float32(shape, new Float32Array(data.length)));
    const images = noiseImages(model.graph, 20);
    const found = await matchActivations(await runtime(), model.graph, names, whole, first, first, images);
    // All units of the first layer are constant, so all beyond it are: nothing is known, nothing is moved.
    expect(found).toMatchObject({ start: 0, objective: [] });
    expect(found.moved.every(({ positions }) => positions === 0)).toBe(true);
  });

  test("units that fall silent are known by what they did before", async () => {
    const { g, parameter } = parametric();
    const conv = (x: string, name: string, shape: number[], group: number): string =>
      g.op("Relu", [
        g.op("Conv", [x, parameter(`${name}.weight`, shape), parameter(`${name}.bias`, [12])], {
          kernel_shape: [3, 3],
          pads: [1, 1, 1, 1],
          group,
        }),
      ]);
    let y = conv(g.input("x", "float32", ["N", 2, 6, 6]), "expand", [12, 2, 3, 3], 1);
    y = conv(y, "depthwise", [12, 1, 3, 3], 12);
    y = g.op("Flatten", [g.op("GlobalAveragePool", [y])], { axis: 1 });
    g.output(g.matmul(y, parameter("head.weight", [12, 3])));
    const small = g.finish("depthwise");
    const names = namesOf(small).all;
    const first = noisy(small, names, 1, 0.5);
    const bias = Float32Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? 0.1 : -1000));
    first.set("depthwise.bias", float32([12], bias));
    const order = symmetries(small);
    const second = permute(order, randomPermutations(order, 3), first);
    const found = await matchActivations(
      await runtime(),
      small,
      names,
      order,
      first,
      second,
      noiseImages(small, 40),
    );
    const back = permute(order, found.permutations, second);
    for (const [key, tensor] of first) expect(back.get(key)!.data, key).toEqual(tensor.data);
  });

  test("a unit far from zero is matched by how it changes: nothing cancels", async () => {
    const bias = all.find((name) => name.endsWith("norm1.bias"))!;
    const shifted = new Map(a);
    const { shape, data } = a.get(bias)!;
    shifted.set(
      bias,
      float32(
        shape,
        Float32Array.from(data as Float32Array, (value) => value + 1000),
      ),
    );
    const b = permute(symmetry, randomPermutations(symmetry, 5), shifted);
    const found = await matchActivations(
      await runtime(),
      graph,
      all,
      symmetry,
      shifted,
      b,
      noiseImages(graph, 64),
    );
    const back = permute(symmetry, found.permutations, b);
    expect(back.get(bias)!.data).toEqual(shifted.get(bias)!.data);
  });

  test("a graph of a fixed batch leaves out the rest, and needs one batch at least", async () => {
    const fixed = bind(graph, { N: 16 });
    const rt = await runtime();
    const found = await matchActivations(
      rt,
      fixed,
      all,
      symmetries(fixed),
      a,
      planted,
      noiseImages(graph, 40),
    );
    const same = await matchActivations(rt, graph, all, symmetry, a, planted, noiseImages(graph, 32));
    expect(found.permutations).toEqual(same.permutations);
    await expect(
      matchActivations(rt, fixed, all, symmetries(fixed), a, planted, noiseImages(graph, 15)),
    ).rejects.toThrow("needs at least 16 images, got 15");
  });
});

describe("proveAlignment", () => {
  test("a wrong order is found out", async () => {
    const graph = residualNetwork();
    const { all } = namesOf(graph);
    const a = noisy(graph, all, 1, 0.3);
    const wrong = new Map(a);
    const name = all.find((one) => one.endsWith("norm1.weight"))!;
    wrong.set(name, float32(a.get(name)!.shape, (a.get(name)!.data as Float32Array).toReversed()));
    await expect(
      proveAlignment(await runtime(), withWeights(graph, a), all, a, wrong, noiseImages(graph, 8)),
    ).rejects.toThrow("changed its outputs by");
    await expect(proveAlignment(await runtime(), graph, all, a, a, noiseImages(graph, 0))).rejects.toThrow(
      "there are no images",
    );
  });
});
