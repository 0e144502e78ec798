import fc from "fast-check";
import { describe as group, expect, test } from "vitest";
import { sizeOf } from "../tensor/tensor.ts";
import { describe } from "./describe.ts";
import { draw, initialise } from "./initialise.ts";
import { architectureTable, buildModel, type ModelSpec, modelSpecSchema } from "./model.ts";
import type { InitSpec, ModelIo, ParameterInfo } from "./types.ts";

const cifar: ModelIo = { channels: 3, height: 32, width: 32, classes: 10 };
const mnist: ModelIo = { channels: 1, height: 28, width: 28, classes: 10 };
const sizes = (model: { parameters: readonly ParameterInfo[] }) =>
  model.parameters.map((info) => [info.name, info.shape]);
const built = (spec: object, io = cifar) => buildModel(modelSpecSchema.parse(spec), io);

const norm = fc.constantFrom("none", "batch", "layer", "group");
const headInit = fc.constantFrom("random", "zero");
const anySpec: fc.Arbitrary<ModelSpec> = fc.oneof(
  fc.record({
    arch: fc.constant("mlp"),
    hidden: fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 3 }),
    headInit,
  }),
  fc.record({
    arch: fc.constant("cnn"),
    widths: fc.array(
      fc.integer({ min: 1, max: 5 }).map((n) => 2 * n),
      { minLength: 1, maxLength: 4 },
    ),
    convs: fc.integer({ min: 1, max: 2 }),
    downsample: fc.constantFrom("stride", "max", "average"),
    pool: fc.constantFrom("average", "flatten"),
    hidden: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 2 }),
    norm,
    groups: fc.constant(2),
    headInit,
  }),
  fc.record({
    arch: fc.constant("vgg"),
    depth: fc.constantFrom(11, 13, 16, 19),
    width: fc.constant(1 / 16),
    norm,
    groups: fc.constant(2),
    headInit,
  }),
  fc.record({
    arch: fc.constant("resnet"),
    depth: fc.constantFrom(8, 14, 20),
    width: fc.constantFrom(0.125, 0.25, 0.5),
    norm: fc.constantFrom("fixup", "batch", "layer", "group"),
    groups: fc.constant(2),
    shortcut: fc.constantFrom("pad", "conv"),
    headInit,
  }),
  fc.record({
    arch: fc.constant("vit"),
    patch: fc.constantFrom(1, 2),
    dim: fc.constantFrom(4, 12),
    depth: fc.integer({ min: 1, max: 3 }),
    heads: fc.constantFrom(1, 2, 4),
    mlpRatio: fc.constantFrom(0.5, 2),
    pool: fc.constantFrom("mean", "cls"),
    headInit,
  }),
) as fc.Arbitrary<ModelSpec>;
const anyIo: fc.Arbitrary<ModelIo> = fc.record({
  channels: fc.integer({ min: 1, max: 4 }),
  height: fc.integer({ min: 1, max: 6 }).map((n) => 2 * n),
  width: fc.integer({ min: 1, max: 6 }).map((n) => 2 * n),
  classes: fc.integer({ min: 1, max: 7 }),
});

group("a model", () => {
  test("takes x [N, C, H, W] to logits [N, K], whatever the spec", () => {
    fc.assert(
      fc.property(anySpec, anyIo, (spec, io) => {
        const model = buildModel(spec, io);
        expect(model.graph.inputs).toEqual([
          { name: "x", dtype: "float32", shape: ["N", io.channels, io.height, io.width] },
        ]);
        expect(model.graph.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["N", io.classes] }]);
      }),
    );
  });

  test("lists each parameter once, with a module, and has it as an initializer", () => {
    fc.assert(
      fc.property(anySpec, anyIo, (spec, io) => {
        const { graph, parameters, taps } = buildModel(spec, io);
        expect(new Set(parameters.map((info) => info.name)).size).toBe(parameters.length);
        for (const info of parameters) {
          expect(graph.initializers.get(info.name)!.shape).toEqual(info.shape);
          expect(info.name.startsWith(`${info.module}.`)).toBe(true);
        }
        expect(parameters.filter((info) => info.head).map((info) => info.name)).toEqual([
          "head.weight",
          "head.bias",
        ]);
        expect(taps.at(-1)!.module).toBe("features");
        for (const tap of taps) expect(graph.values.has(tap.value)).toBe(true);
      }),
    );
  });

  test("is the same for the same spec", () => {
    fc.assert(
      fc.property(anySpec, anyIo, (spec, io) => {
        const [one, other] = [buildModel(spec, io), buildModel(spec, io)];
        expect(JSON.stringify(one.graph.nodes)).toBe(JSON.stringify(other.graph.nodes));
        expect(sizes(one)).toEqual(sizes(other));
      }),
      { numRuns: 20 },
    );
  });
});

group("defaults", () => {
  test.each(Object.keys(architectureTable))("%s needs only its name", (arch) => {
    for (const io of [cifar, mnist]) expect(built({ arch }, io).graph.outputs[0]!.shape).toEqual(["N", 10]);
  });

  test("an unknown option is refused", () => {
    expect(modelSpecSchema.safeParse({ arch: "cnn", width: 3 }).success).toBe(false);
    expect(modelSpecSchema.safeParse({ arch: "lenet" }).success).toBe(false);
    expect(modelSpecSchema.safeParse({ arch: "resnet", depth: 18 }).success).toBe(false);
  });
});

group("published parameter counts", () => {
  // Numbers without a source beside them were counted by hand from the layers' sizes.
  test.each([
    [
      "ResNet-20 (batch norm, shortcut A): 0.27M in He et al., table 6",
      { arch: "resnet", norm: "batch" },
      269_722,
      1_376,
    ],
    ["ResNet-32: 0.46M there", { arch: "resnet", depth: 32, norm: "batch" }, 464_154, 2_272],
    ["ResNet-56: 0.85M there", { arch: "resnet", depth: 56, norm: "batch" }, 853_018, 4_064],
    ["VGG-11 with batch norm and one linear layer", { arch: "vgg" }, 9_228_362, 5_504],
    ["MLP 3072-128-10", { arch: "mlp" }, 394_634, 0],
    // Per block 4 biases and a scale, 9 blocks; stem and head bias; no norm (1376 scales and shifts less).
    ["ResNet-20 with Fixup", { arch: "resnet" }, 269_722 - 1_376 + 9 * 5 + 2, 0],
  ])("%s", (_, spec, parameters, statistics) => {
    expect(describe(built(spec))).toMatchObject({ parameters, statistics });
  });

  test("ResNet-20 costs 40.6 million multiply-adds at 32×32, convolutions and head only", () => {
    const { multiplyAdds, modules } = describe(built({ arch: "resnet" }));
    // Stem 3·16·9·32²; 6 convolutions a stage at 16², 32², 64² channels, the first of stages two and three half as many
    // inputs; head 640.
    const byHand =
      1024 * 9 * 48 + 1024 * 9 * 256 * 6 + 256 * 9 * (512 + 1024 * 5) + 64 * 9 * (2048 + 4096 * 5) + 640;
    expect(multiplyAdds).toBe(byHand);
    expect(modules.at(0)).toEqual({
      module: "stem.conv",
      parameters: 432,
      statistics: 0,
      multiplyAdds: 442_368,
    });
    expect(modules.find((row) => row.module === "head")).toEqual({
      module: "head",
      parameters: 650,
      statistics: 0,
      multiplyAdds: 640,
    });
  });

  test("attention's products without weights are counted", () => {
    const { modules } = describe(built({ arch: "vit", depth: 1 }));
    const row = modules.find((one) => one.module === "block1.attention");
    // 64 tokens, 64 wide: scores and mix, 64·64·64 each.
    expect(row).toEqual({
      module: "block1.attention",
      parameters: 0,
      statistics: 0,
      multiplyAdds: 2 * 64 ** 3,
    });
  });
});

group("initialisation", () => {
  const parameter = (shape: number[], init: InitSpec, name = "a.weight", head = false): ParameterInfo => ({
    name,
    shape,
    init,
    role: "trainable",
    decay: true,
    module: "a",
    head,
    lrScale: 1,
  });
  const moments = (values: Float32Array) => {
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    return { mean, variance: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length };
  };
  // A normal cut at ±2 standard deviations has 0.7737 of its variance: 1 − 2·2φ(2)/(2Φ(2) − 1).
  const cut = 0.7737;

  test.each<[InitSpec, number]>([
    [{ kind: "he-normal", fan: "in" }, 2 / (30 * 9)],
    [{ kind: "he-normal", fan: "out", gain: 0.5 }, 0.25 * (2 / (50 * 9))],
    [{ kind: "lecun-normal" }, 1 / (30 * 9)],
    [{ kind: "glorot-uniform" }, 2 / (80 * 9)],
    [{ kind: "uniform-fan-in" }, 1 / (3 * 30 * 9)],
    [{ kind: "uniform", bound: 0.3 }, 0.03],
    [{ kind: "truncated-normal", std: 0.02 }, 0.0004 * cut],
    [{ kind: "zeros" }, 0],
    [{ kind: "ones" }, 0],
  ])("%j has the variance it promises", (init, variance) => {
    const values = draw(parameter([50, 30, 3, 3], init), { init: 3, head: 4 });
    const found = moments(values);
    // 13,500 draws: the variance is known to √(2/13500) = 1.2 %, four times that is allowed.
    expect(Math.abs(found.variance - variance)).toBeLessThanOrEqual(0.05 * variance);
    expect(Math.abs(found.mean - (init.kind === "ones" ? 1 : 0))).toBeLessThanOrEqual(
      4 * Math.sqrt(variance / values.length),
    );
  });

  test("an MLP that starts as PyTorch's draws weights and biases within ±1/√inputs", () => {
    const io = { channels: 1, height: 4, width: 4, classes: 2 };
    const { parameters } = buildModel(
      modelSpecSchema.parse({ arch: "mlp", hidden: [64, 64], init: "pytorch" }),
      io,
    );
    const fresh = initialise(parameters, { init: 1, head: 1 });
    for (const [name, bound] of [
      ["fc1.weight", 1 / 4],
      ["fc1.bias", 1 / 4],
      ["fc2.weight", 1 / 8],
      ["fc2.bias", 1 / 8],
    ] as const) {
      const largest = Math.max(...fresh.get(name)!.map(Math.abs));
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThan(0.8 * bound);
    }
  });

  test("a truncated normal stays within two standard deviations", () => {
    const values = draw(parameter([100, 100], { kind: "truncated-normal", std: 0.1 }), { init: 0, head: 0 });
    expect(values.every((v) => Math.abs(v) <= Math.fround(0.2))).toBe(true);
  });

  test("same seeds, same bytes; another head seed changes the head alone", () => {
    fc.assert(
      fc.property(anySpec, fc.nat(), fc.nat(), (spec, init, head) => {
        const { parameters } = buildModel(spec, { channels: 2, height: 8, width: 8, classes: 5 });
        const one = initialise(parameters, { init, head });
        const again = initialise(parameters.toReversed(), { init, head });
        const other = initialise(parameters, { init, head: head + 1 });
        for (const info of parameters) {
          expect(again.get(info.name)).toEqual(one.get(info.name));
          const random = info.init.kind !== "zeros" && info.init.kind !== "ones";
          const same = other.get(info.name)!.every((v, i) => v === one.get(info.name)![i]);
          expect(same).toBe(!(info.head && random));
        }
      }),
      { numRuns: 30 },
    );
  });

  test("the graph holds the weights of seeds 0 and 0", () => {
    const { graph, parameters } = built({ arch: "cnn", widths: [4, 8] });
    for (const [name, values] of initialise(parameters, { init: 0, head: 0 })) {
      expect(graph.initializers.get(name)!.load().data).toEqual(values);
    }
  });

  test("Fixup: a block's last convolution is zero, its first has He's deviation times L^(−1/2)", () => {
    const { parameters } = built({ arch: "resnet", depth: 20 });
    const weights = initialise(parameters, { init: 1, head: 1 });
    for (const info of parameters.filter((one) => one.name.includes("block"))) {
      const values = weights.get(info.name)!;
      if (info.name.endsWith("conv1.weight")) {
        const expected = 2 / (info.shape[0]! * 9) / 9; // L = 9 blocks
        expect(moments(values).variance / expected).toBeGreaterThan(0.85);
        expect(moments(values).variance / expected).toBeLessThan(1.15);
      } else {
        expect(values).toEqual(
          new Float32Array(sizeOf(info.shape)).fill(info.name.endsWith("scale") ? 1 : 0),
        );
      }
    }
    expect(weights.get("head.weight")!.some((v) => v !== 0)).toBe(true);
    expect(
      initialise(built({ arch: "resnet", headInit: "zero" }).parameters, { init: 1, head: 1 })
        .get("head.weight")!
        .every((v) => v === 0),
    ).toBe(true);
  });

  test("Fixup's scalars learn at a tenth of the rate and do not decay; weights decay, biases and norms do not", () => {
    for (const info of built({ arch: "resnet" }).parameters) {
      const scalar = info.shape.join() === "1";
      expect(info.lrScale).toBe(scalar ? 0.1 : 1);
      expect(info.decay).toBe(info.name.endsWith(".weight"));
    }
    for (const info of built({ arch: "resnet", norm: "batch" }).parameters) {
      expect(info.decay).toBe(
        info.name.endsWith("conv1.weight") ||
          info.name.endsWith("conv2.weight") ||
          ["stem.conv.weight", "head.weight"].includes(info.name),
      );
      expect(info.role).toBe(info.name.includes("running_") ? "statistic" : "trainable");
    }
  });
});

group("what cannot be built", () => {
  test.each<[string, object, ModelIo, string]>([
    ["patches", { arch: "vit", patch: 5 }, cifar, "vit: patches of 5 pixels do not divide an image of 32×32"],
    ["heads", { arch: "vit", dim: 10, heads: 4 }, cifar, "vit: 4 heads do not divide a width of 10"],
    [
      "groups",
      { arch: "resnet", norm: "group", groups: 3 },
      cifar,
      "stem.norm: 3 groups do not divide 16 channels",
    ],
    [
      "classes",
      { arch: "mlp" },
      { ...cifar, classes: 0 },
      "a model's classes must be a whole number of at least 1, got 0",
    ],
    [
      "size",
      { arch: "mlp" },
      { ...cifar, height: 2.5 },
      "a model's height must be a whole number of at least 1, got 2.5",
    ],
  ])("%s: one clear sentence", (_, spec, io, message) => {
    expect(() => built(spec, io)).toThrow(expect.objectContaining({ fault: "usage", message }));
  });
});
