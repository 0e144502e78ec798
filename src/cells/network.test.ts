import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, numbersOf, tinyTraining } from "../../test/kit/cells.ts";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { withWeights } from "../autodiff/flat.ts";
import { stream } from "../base/random.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { buildModel, modelSpecSchema } from "../models/model.ts";
import type { ModelIo } from "../models/types.ts";
import { openStore } from "../store/store.node.ts";
import { float32, int64s, sizeOf } from "../tensor/tensor.ts";
import { graphFor, graphWith, keptNetworks, networkFrom, networkOf } from "./network.node.ts";
import { sameArchitecture } from "./same-architecture.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const io: ModelIo = { channels: 3, height: 16, width: 16, classes: 10 };
const modelOf = (spec: object, size: Partial<ModelIo> = {}) =>
  buildModel(modelSpecSchema.parse(spec), { ...io, ...size });
const networkLike = (spec: object, title: string, size: Partial<ModelIo> = {}) =>
  networkFrom(modelOf(spec, size).graph, { title, where: title });

const zoo = [
  { arch: "mlp", hidden: [8, 8] },
  { arch: "cnn", widths: [8, 8], norm: "batch" },
  { arch: "cnn", widths: [8], pool: "flatten", hidden: [5], norm: "group", groups: 2 },
  { arch: "vgg", depth: 11, width: 0.0625, norm: "batch" },
  ...["fixup", "batch", "layer", "group"].map((norm) => ({
    arch: "resnet",
    depth: 8,
    width: 0.25,
    norm,
    groups: 2,
  })),
  { arch: "resnet", depth: 8, width: 0.25, norm: "batch", shortcut: "conv" },
  { arch: "vit", patch: 4, dim: 8, depth: 1, heads: 2 },
];

describe("a network", () => {
  test.each(zoo)("has the parameters and statistics its model has, each once: %j", (spec) => {
    const { graph, parameters } = modelOf(spec);
    const network = networkFrom(graph, { title: "a", where: "a" });
    const of = (role: string) =>
      parameters
        .filter((info) => info.role === role)
        .map((info) => info.name)
        .toSorted();
    expect(network.parameters.toSorted()).toEqual(of("trainable"));
    expect(network.statistics.toSorted()).toEqual(of("statistic"));
    expect(network.names).toEqual([...network.parameters, ...network.statistics]);
    expect(network.classes).toBe(10);
    const vector = network.vector();
    expect(vector.length).toBe(parameters.reduce((sum, info) => sum + sizeOf(info.shape), 0));
    const doubled = networkFrom(
      graphWith(
        network,
        vector.map((x) => 2 * x),
      ),
      { title: "b", where: "b" },
    );
    expect(doubled.vector()).toEqual(vector.map((x) => 2 * x));
  });

  test("is that of a training run, and of the moments the run kept", async () => {
    const store = await openStore(temporaryFolder());
    const cell = await finish(store, tinyTraining({ keep: [0, 1, 3], recipe: { steps: 6 } }));
    const network = await networkOf(cell);
    expect(network.title).toMatch(/^cnn on synthetic, run [0-9a-f]{10}$/);
    expect(network.data).toMatchObject({ set: "synthetic", trainSize: 40 });
    expect(network.classNames).toHaveLength(network.classes);
    const numbers = await numbersOf(cell, "weights.safetensors");
    expect([...network.vector()]).toEqual(network.names.flatMap((name) => numbers[name]!));
    const kept = await keptNetworks(cell);
    expect(kept.map((one) => one.step)).toEqual([0, 2, 6]);
    expect(kept[2]!.vector()).toEqual(network.vector());
    expect(kept[0]!.vector()).not.toEqual(network.vector());
  });

  test("that kept nothing says so", async () => {
    const store = await openStore(temporaryFolder());
    const cell = await finish(store, tinyTraining({ recipe: { steps: 2 } }));
    await expect(keptNetworks(cell)).rejects.toThrow(/kept no weights/);
  });

  test("with a weight that is no number is refused, naming it", () => {
    const { graph } = modelOf(zoo[0]!);
    const name = "fc1.bias";
    const bias = graph.initializers.get(name)!.load();
    const spoiled = withWeights(
      graph,
      new Map([[name, float32(bias.shape, [0, Number.NaN, ...Array(6).fill(0)] as number[])]]),
    );
    expect(() => networkFrom(spoiled, { title: "a", where: "a.onnx" })).toThrow(
      'a.onnx: parameter "fc1.bias" holds NaN at position 1',
    );
  });

  test.each([
    [{ height: 28, width: 28 }, /takes images of 3×16×16, those of mnist are 3×28×28/],
    [{ classes: ["a", "b"] }, /tells 10 classes apart, mnist has 2/],
  ])("refuses images it does not fit: %j", (change, message) => {
    const network = networkLike(zoo[0]!, "a");
    const images = { ...io, classes: Array.from({ length: 10 }, (_, i) => String(i)), ...change };
    expect(() => graphFor(network, images, "mnist")).toThrow(message);
  });
});

/** One hidden layer with the given names and nonlinearity. */
function tiny(names: readonly [string, string], op: string, units = 4): Graph {
  const g = new Builder();
  const random = stream(1, "noise");
  const weight = (name: string, shape: number[]): string =>
    g.parameter(
      constant(
        name,
        float32(
          shape,
          Array.from({ length: sizeOf(shape) }, () => random.normal()),
        ),
      ),
    );
  const x = g.op("Flatten", [g.input("x", "float32", ["N", 1, 2, 2])]);
  const h = g.op(op, [g.op("MatMul", [x, weight(names[0], [4, units])])]);
  g.output(g.op("MatMul", [h, weight(names[1], [units, 3])]));
  return g.finish("tiny");
}

describe("networks that are not the same", () => {
  const cnn = { arch: "cnn", widths: [8, 8] };
  const same = (a: { graph: Graph }, b: { graph: Graph }) => () => {
    sameArchitecture([a, b].map(({ graph }, i) => networkFrom(graph, { title: "AB"[i]!, where: "AB"[i]! })));
  };
  const hand = (names: readonly [string, string], op: string) => ({ graph: tiny(names, op) });

  test("but for their numbers are the same", () => {
    const a = networkLike(cnn, "a");
    expect(same(a, { graph: graphWith(a, a.vector().fill(1)) })).not.toThrow();
    expect(() => sameArchitecture([a])).not.toThrow();
  });

  test("but for a long constant are told apart", () => {
    // As a fixed shuffle of pixels is exported: numbers that are no parameters.
    const shuffled = (first: number): { graph: Graph } => {
      const g = new Builder();
      const x = g.op("Flatten", [g.input("x", "float32", ["N", 1, 2, 2])]);
      const places = Array.from({ length: 5000 }, (_, i) => (i + first) % 4);
      const y = g.op("Gather", [x, g.constant(int64s(places))], { axis: 1 });
      const weight = constant("w", float32([5000, 3], new Float32Array(15_000).fill(1)));
      g.output(g.op("MatMul", [y, g.parameter(weight)]));
      return { graph: g.finish("shuffled") };
    };
    expect(same(shuffled(0), shuffled(0))).not.toThrow();
    expect(same(shuffled(0), shuffled(1))).toThrow(/compute differently: operation 2 is Gather/);
  });

  test.each([
    [
      "a head of other classes",
      modelOf(cnn),
      modelOf(cnn, { classes: 4 }),
      /^A and B are not the same network: a head of 10 classes against one of 4 \(head\.weight \[.*10.*\] against \[.*4.*\]; head\.bias \[10\] against \[4\]\)$/,
    ],
    [
      "another width",
      modelOf(cnn),
      modelOf({ ...cnn, widths: [8, 6] }),
      /the same layers with another width \(conv2\.weight \[8, 8, 3, 3\] against \[6, 8, 3, 3\]/,
    ],
    [
      "other channels",
      modelOf(cnn),
      modelOf(cnn, { channels: 1 }),
      /one takes images of 3×16×16, the other of 1×16×16/,
    ],
    [
      "a further layer",
      modelOf(cnn),
      modelOf({ ...cnn, widths: [8, 8, 8] }),
      /the second has tensors the other lacks \(nothing against conv3\.weight/,
    ],
    [
      "other layers",
      modelOf(cnn),
      modelOf(zoo[0]!),
      /their tensors have other names \(conv1\.weight .* against /,
    ],
    [
      "the same under other names",
      hand(["a.weight", "b.weight"], "Relu"),
      hand(["fc.0.w", "fc.1.w"], "Relu"),
      /same shapes but other names: were they exported by different tools\? \(a\.weight \[4, 4\] against fc\.0\.w \[4, 4\]; b/,
    ],
    [
      "another nonlinearity",
      hand(["a.w", "b.w"], "Relu"),
      hand(["a.w", "b.w"], "Tanh"),
      /compute differently: operation 3 is Relu.* against Tanh/,
    ],
  ])("%s", (_, a, b, message) => {
    expect(same(a, b)).toThrow(message);
  });
});
