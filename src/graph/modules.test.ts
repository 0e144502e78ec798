import { describe, expect, test } from "vitest";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { Builder } from "./builder.ts";
import { constant, type Graph } from "./graph.ts";
import { type Granularity, modules } from "./modules.ts";
import { levels, nodePath, parameterPath } from "./paths.ts";

const zeros = (name: string, shape: readonly number[]) =>
  constant(name, float32(shape, new Float32Array(sizeOf(shape))));

/** Convolutions in a chain, [weight name, bias name, node name]. */
function chain(layers: readonly (readonly [string, string, string])[]): Graph {
  const g = new Builder(17);
  let x = g.input("x", "float32", ["N", 2, 4, 4]);
  layers.forEach(([weight, bias, name], i) => {
    const inputs = [x, g.parameter(zeros(weight, [2, 2, 1, 1]))];
    if (bias !== "") inputs.push(g.parameter(zeros(bias, [2])));
    g.add({ op: "Conv", domain: "", name, inputs, outputs: [`y${i}`], attributes: {} });
    x = `y${i}`;
  });
  g.output(x);
  return g.finish("chain");
}

const names = (graph: Graph, granularity: Granularity): string[] =>
  modules(graph, granularity).map((module) => module.name);

test("modules come in order of first use with their parameters, sizes and the head marked", () => {
  const graph = chain([
    ["stage1.block1.conv1.weight", "stage1.block1.conv1.bias", "a"],
    ["stage1.block1.conv2.weight", "", "b"],
    ["stage1.block2.conv1.weight", "", "c"],
    ["head.weight", "head.bias", "d"],
  ]);
  const [first, ...rest] = modules(graph, "layer");
  expect(first).toEqual({
    name: "stage1.block1.conv1",
    parameters: ["stage1.block1.conv1.weight", "stage1.block1.conv1.bias"],
    statistics: [],
    first: graph.nodes[0],
    size: 6,
    isHead: false,
  });
  expect(rest.map((module) => [module.name, module.isHead])).toEqual([
    ["stage1.block1.conv2", false],
    ["stage1.block2.conv1", false],
    ["head", true],
  ]);
  expect(names(graph, "block")).toEqual(["stage1.block1", "stage1.block2", "head"]);
  expect(names(graph, "stage")).toEqual(["stage1", "head"]);
});

test("a convolution outside of blocks is one with its normalisation", () => {
  const g = new Builder(17);
  let x = g.input("x", "float32", ["N", 2, 4, 4]);
  for (const i of [1, 2]) {
    x = g.op("Conv", [x, g.parameter(zeros(`conv${i}.weight`, [2, 2, 1, 1]))]);
    const vectors = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      g.parameter(zeros(`bn${i}.${part}`, [2])),
    );
    x = g.op("BatchNormalization", [x, ...vectors]);
  }
  g.output(x);
  const graph = g.finish("two");
  expect(names(graph, "layer")).toEqual(["conv1", "bn1", "conv2", "bn2"]);
  const [first] = modules(graph, "block");
  expect(names(graph, "block")).toEqual(["conv1", "conv2"]);
  expect(first!.parameters).toEqual(["conv1.weight", "bn1.weight", "bn1.bias"]);
  expect(first!.statistics).toEqual(["bn1.running_mean", "bn1.running_var"]);
  expect(first!.size).toBe(8);
});

test("where an exporter mangled the names, the nodes' names serve", () => {
  const graph = chain([
    ["onnx::Conv_12", "onnx::Conv_13", "/layer1/layer1.0/conv1/Conv"],
    ["onnx::Conv_15", "onnx::Conv_16", "/layer1/layer1.1/conv1/Conv"],
    ["fc.weight", "fc.bias", "/fc/Conv"],
  ]);
  expect(names(graph, "layer")).toEqual(["layer1.0.conv1", "layer1.1.conv1", "fc"]);
});

test("where nobody names anything, the operators are counted", () => {
  const graph = chain([
    ["12", "13", "Conv_0"],
    ["15", "", ""],
    ["conv1.weight", "", ""],
  ]);
  expect(names(graph, "layer")).toEqual(["conv2", "conv3", "conv1"]);
});

test("the bias that Add gives to a nameless MatMul belongs to it", () => {
  const g = new Builder(17);
  const product = g.matmul(g.input("x", "float32", ["N", 3]), g.parameter(zeros("onnx::MatMul_5", [3, 2])));
  g.output(g.plus(product, g.parameter(zeros("onnx::Add_6", [2]))));
  expect(modules(g.finish("linear"), "layer").map((module) => [module.name, module.parameters])).toEqual([
    ["matmul1", ["onnx::MatMul_5", "onnx::Add_6"]],
  ]);
});

test("settings and nameless single numbers are no parameters, a Fixup scalar is one", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", ["N", 2, 4, 4]);
  const sized = g.op("Resize", [
    x,
    "",
    g.parameter(constant("scales.of.resize", float32([4], [1, 1, 2, 2]))),
  ]);
  const halved = g.mul(sized, g.parameter(zeros("onnx::Mul_3", [])));
  g.output(g.plus(halved, g.parameter(zeros("stage1.block1.bias1a.bias", [1]))));
  expect(names(g.finish("scalars"), "layer")).toEqual(["stage1.block1.bias1a"]);
});

test("a parameter that is turned before it meets data counts where it meets it", () => {
  const g = new Builder(17);
  const x = g.input("x", "float32", ["N", 3]);
  const late = g.transpose(g.parameter(zeros("late.weight", [2, 3])), [1, 0]);
  const early = g.matmul(x, g.parameter(zeros("early.weight", [3, 3])));
  g.output(g.matmul(early, late));
  const graph = g.finish("turned");
  expect(modules(graph, "layer").map((module) => [module.name, module.first.op])).toEqual([
    ["early", "MatMul"],
    ["late", "MatMul"],
  ]);
});

test("a graph without parameters is refused", () => {
  const g = new Builder(17);
  g.output(g.op("Relu", [g.input("x", "float32", [1])]));
  expect(() => modules(g.finish("bare"), "layer")).toThrow('graph "bare" has no parameters');
});

describe("names as exporters write them", () => {
  test.each([
    ["stage2.block1.conv1.weight", "stage2.block1.conv1", "stage2", "stage2.block1"],
    ["layer1.0.downsample.0.weight", "layer1.0.downsample.0", "layer1", "layer1.0"],
    ["features.1.block.0.w", "features.1.block.0", "features", "features.1"],
    ["features.1.0.block.0.weight", "features.1.0.block.0", "features.1", "features.1.0"],
    ["blocks.3.attn.qkv.weight", "blocks.3.attn.qkv", "blocks", "blocks.3"],
    ["stages.0.blocks.1.conv_dw.weight", "stages.0.blocks.1.conv_dw", "stages.0", "stages.0.blocks.1"],
    [
      "bert.encoder.layer.0.output.dense.weight",
      "bert.encoder.layer.0.output.dense",
      "bert.encoder.layer",
      "bert.encoder.layer.0",
    ],
    [
      "encoder.layers.encoder_layer_0.mlp.0.bias",
      "encoder.layers.encoder_layer_0.mlp.0",
      "encoder.layers",
      "encoder.layers.encoder_layer_0",
    ],
    ["stage1.conv2.weight", "stage1.conv2", "stage1", undefined],
    ["block4.mlp.fc1.weight", "block4.mlp.fc1", undefined, "block4"],
    ["/stage1/conv1/kernel:0", "stage1.conv1", "stage1", undefined],
    ["module.conv1.weight", "conv1", undefined, undefined],
    ["fc1_weight", "fc1", undefined, undefined],
    ["cls_token", "cls_token", undefined, undefined],
  ])("%s is %s, in stage %s, block %s", (name, layer, stage, block) => {
    const path = parameterPath(name)!;
    const ends = levels(path);
    const upTo = (end: number | undefined): string | undefined =>
      end === undefined ? undefined : path.slice(0, end).join(".");
    expect(path.join(".")).toBe(layer);
    expect(upTo(ends.stage)).toBe(stage);
    expect(upTo(ends.block)).toBe(block);
  });

  test.each(["onnx::Conv_193", "193", "const_4", "val_12", "w1", "/norm/Constant_output_0"])(
    "%s says nothing",
    (name) => {
      expect(parameterPath(name)).toBeUndefined();
    },
  );

  test("PyTorch's node names repeat the outer name before an index", () => {
    expect(nodePath("/features/features.1/block/block.0/block.0.0/Conv")!.join(".")).toBe(
      "features.1.block.0.0",
    );
    expect(nodePath("Conv_12")).toBeUndefined();
  });
});
