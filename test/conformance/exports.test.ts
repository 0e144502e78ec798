import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { stream } from "../../src/base/random.ts";
import { bind, symbols } from "../../src/graph/bind.ts";
import { untie } from "../../src/graph/fold.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferGraph } from "../../src/graph/infer.ts";
import { contents } from "../../src/graph/known.ts";
import { modules } from "../../src/graph/modules.ts";
import { prefix } from "../../src/graph/cut.ts";
import { readModel } from "../../src/onnx/read.node.ts";
import { float32, numbers, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { runtime } from "../kit/ort.ts";

const oracle = new URL("../oracle/exports/", import.meta.url).pathname;
const mobilenet = new URL("../../../shared/data/models/mobilenetv3-small.onnx", import.meta.url).pathname;

const files = [
  { name: "ResNet of PyTorch, folded", path: `${oracle}resnet-folded.onnx`, sizes: { N: 2, H: 16, W: 24 } },
  { name: "ResNet of PyTorch", path: `${oracle}resnet.onnx`, sizes: { N: 2, H: 16, W: 24 } },
  { name: "ViT of PyTorch, folded", path: `${oracle}vit-folded.onnx`, sizes: { N: 3 } },
  { name: "ViT of PyTorch", path: `${oracle}vit.onnx`, sizes: { N: 3 } },
  { name: "MobileNetV3", path: mobilenet, sizes: { N: 2, H: 64, W: 96 } },
] as const;

async function runAll(
  graph: Graph,
  sizes: Readonly<Record<string, number>>,
): Promise<Record<string, Tensor>> {
  const names = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ""));
  const random = stream(1, "noise");
  const shape = graph.inputs[0]!.shape.map((dim) => (typeof dim === "string" ? sizes[dim]! : dim!));
  const x = float32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
  const session = await (await runtime()).session(prefix(graph, names));
  const results = await session.run({ [graph.inputs[0]!.name]: x });
  await session.release();
  return results;
}

describe.each(files)("$name", ({ path, sizes }) => {
  const absent = !existsSync(path);

  test("every value is what inference says, before and after binding", async ({ skip }) => {
    skip(absent, `${path} is not here`);
    const graph = untie(await readModel(path));
    expect(symbols(graph)).toEqual(Object.keys(sizes));
    const bound = bind(graph, sizes);
    const results = await runAll(graph, sizes);
    for (const one of [graph, bound]) {
      const known = inferGraph(one);
      for (const name of one.nodes.flatMap((node) => node.outputs)) {
        const { dtype, shape } = known.get(name)!;
        const truth = results[name]!;
        const value = (dim: number | string | null, i: number): number | undefined =>
          dim === null
            ? truth.shape[i]
            : typeof dim === "string"
              ? Object.entries(sizes).find(([symbol]) => symbol === dim)?.[1]
              : dim;
        expect(dtype, name).toBe(truth.dtype);
        expect(shape.map(value), name).toEqual([...truth.shape]);
        const said = known.get(name)!.constant;
        if (said !== undefined) expect(numbers(said), name).toEqual(numbers(truth));
        if (one === bound)
          expect(
            shape.every((dim) => typeof dim === "number"),
            name,
          ).toBe(true);
        expect(contents(known.get(name))?.length ?? sizeOf(truth.shape), name).toBe(sizeOf(truth.shape));
      }
    }
  });

  test("binding leaves no shape arithmetic and changes no output", async ({ skip }) => {
    skip(absent, `${path} is not here`);
    const graph = untie(await readModel(path));
    const bound = bind(graph, sizes);
    expect(bound.nodes.filter((node) => ["Shape", "Constant", "ConstantOfShape"].includes(node.op))).toEqual(
      [],
    );
    const [whole, folded] = [await runAll(graph, sizes), await runAll(bound, sizes)];
    for (const { name } of graph.outputs) expect(folded[name], name).toEqual(whole[name]);
  });
});

test("modules of PyTorch's exports carry the names of the Python attributes", async () => {
  const resnet = untie(await readModel(`${oracle}resnet-folded.onnx`));
  expect(modules(resnet, "block").map((module) => module.name)).toEqual([
    "conv1",
    "layer1.0",
    "layer1.1",
    "layer2.0",
    "layer2.1",
    "fc",
  ]);
  expect(modules(resnet, "layer").every((module) => module.parameters.length === 2)).toBe(true);
  const vit = untie(await readModel(`${oracle}vit-folded.onnx`));
  expect(modules(vit, "block").map((module) => module.name)).toEqual([
    "patch_embed",
    "cls_token",
    "pos_embed",
    "blocks.0",
    "blocks.1",
    "norm",
    "head",
  ]);
  expect(
    modules(vit, "block")
      .filter((module) => module.isHead)
      .map((module) => module.name),
  ).toEqual(["head"]);
});

test("modules of MobileNetV3 are its blocks", async ({ skip }) => {
  skip(!existsSync(mobilenet), `${mobilenet} is not here`);
  const found = modules(await readModel(mobilenet), "block").map((module) => module.name);
  expect(found).toEqual([
    ...Array.from({ length: 13 }, (_, i) => `features.${i}`),
    "classifier.0",
    "classifier.3",
  ]);
});
