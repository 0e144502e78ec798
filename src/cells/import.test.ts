import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { Builder } from "../graph/builder.ts";
import { constant, type Graph } from "../graph/graph.ts";
import { buildModel, modelSpecSchema } from "../models/model.ts";
import { writeModel } from "../onnx/write.node.ts";
import { writeSafetensors } from "../safetensors/write.node.ts";
import { openStore } from "../store/store.node.ts";
import { encodeFloat16 } from "../tensor/half.ts";
import { float32, int64s, sizeOf, type Tensor, tensor } from "../tensor/tensor.ts";
import { importModel, openModels } from "./import.node.ts";
import { networkOf } from "./network.node.ts";

const model = buildModel(modelSpecSchema.parse({ arch: "cnn", widths: [4, 4], norm: "batch" }), {
  channels: 1,
  height: 8,
  width: 8,
  classes: 3,
});
const weights = new Map<string, Tensor>(
  model.parameters.map(({ name, shape }, k) => [
    name,
    float32(
      shape,
      Array.from({ length: sizeOf(shape) }, (_, i) => (i + k) / 8),
    ),
  ]),
);
const exports = new URL("../../test/oracle/exports/", import.meta.url).pathname;

async function setting(
  name = "model.onnx",
): Promise<{ folder: string; path: string; store: Awaited<ReturnType<typeof openStore>> }> {
  const folder = temporaryFolder();
  const path = join(folder, name);
  await writeModel(model.graph, path);
  return { folder, path, store: await openStore(join(folder, "store")) };
}

describe("importing a model", () => {
  test("makes one cell of the same file, from wherever, that holds the network", async () => {
    const { folder, path, store } = await setting();
    const address = await importModel(store, path, { plan: true });
    expect(await store.has(address)).toBe(false);
    expect(await importModel(store, path)).toBe(address);
    copyFileSync(path, join(folder, "copy.onnx"));
    const both = await Promise.all([importModel(store, path), importModel(store, join(folder, "copy.onnx"))]);
    expect(both).toEqual([address, address]);
    const cell = await store.get(address);
    const network = await networkOf(cell);
    expect(network.names.toSorted()).toEqual(model.parameters.map((info) => info.name).toSorted());
    expect(network.weights.get("conv1.weight")!.data).toEqual(
      model.graph.initializers.get("conv1.weight")!.load().data,
    );
    expect(cell.result()).toEqual({
      parameters: network.parameters.reduce((sum, name) => sum + network.weights.get(name)!.data.length, 0),
      classes: 3,
      input: [1, 8, 8],
      changes: [],
    });
    expect(await cell.verify()).toEqual([]);
    expect(existsSync(join(store.path, "work", address))).toBe(false);
  });

  test("finds the weights of a file beside the model", async () => {
    const { folder, path, store } = await setting();
    await writeModel(model.graph, join(folder, "big.onnx"), { externalDataThreshold: 16 });
    expect(readdirSync(folder)).toContain("big.onnx.data");
    const [small, big] = [await importModel(store, path), await importModel(store, join(folder, "big.onnx"))];
    const [a, b] = await Promise.all([small, big].map(async (one) => networkOf(await store.get(one))));
    expect(b!.vector()).toEqual(a!.vector());
  });

  test("puts safetensors weights into their graph by name, also halves", async () => {
    const { folder, path, store } = await setting();
    const file = join(folder, "weights.safetensors");
    const half = tensor(
      "float16",
      weights.get("head.bias")!.shape,
      encodeFloat16(weights.get("head.bias")!.data as Float32Array),
    );
    await writeSafetensors(
      file,
      new Map([...weights, ["head.bias", half], ["norm1.num_batches_tracked", int64s([7])]]),
    );
    const network = await networkOf(await store.get(await importModel(store, file, { graph: path })));
    expect([...network.vector()]).toEqual(
      network.names.flatMap((name) => Array.from(weights.get(name)!.data as Float32Array)),
    );
    await expect(importModel(store, file)).rejects.toThrow(/holds weights only/);
  });

  test("lists weights that do not fit the graph", async () => {
    const { folder, path, store } = await setting();
    const file = join(folder, "weights.safetensors");
    const changed = new Map([
      ...weights,
      ["extra.weight", float32([2], [1, 2])] as const,
      ["head.bias", float32([4], [1, 2, 3, 4])] as const,
    ]);
    changed.delete("conv1.weight");
    await writeSafetensors(file, changed);
    await expect(importModel(store, file, { graph: path })).rejects.toMatchObject({
      fault: "shape",
      message: `${file} does not fit ${path}: "conv1.weight" [4, 1, 3, 3] is missing; "extra.weight" [2] has no place in the graph; "head.bias" is [4], the graph has [3]`,
    });
  });

  test("takes PyTorch's exports, whose parameters it can name", async () => {
    const { store } = await setting();
    for (const name of ["resnet.onnx", "resnet-folded.onnx", "vit.onnx"]) {
      const network = await networkOf(await store.get(await importModel(store, join(exports, name))));
      expect(network.names.length, name).toBeGreaterThan(10);
      expect(network.graph.inputs[0]!.shape[0]).toBe("N");
    }
  });
});

/** A one-layer classifier on 1×2×2 images, with a fixed batch and a Softmax, as some exporters leave them. */
function kerasLike(batch: number | null, flattened: readonly number[]): Graph {
  const g = new Builder();
  const w = g.parameter(
    constant(
      "fc.weight",
      float32(
        [4, 3],
        Array.from({ length: 12 }, (_, i) => i),
      ),
    ),
  );
  const x = g.op("Reshape", [g.input("x", "float32", [batch, 1, 2, 2]), g.constant(int64s(flattened))]);
  g.output(
    g.op("Softmax", [g.op("MatMul", [x, w], {}, { names: ["logits"] })], {}, { names: ["probabilities"] }),
  );
  return g.finish("keras");
}

describe("what exporters leave in a model", () => {
  test("a fixed batch is opened where the graph allows, a final Softmax taken off and said", async () => {
    const { folder, store } = await setting();
    const path = join(folder, "fixed.onnx");
    await writeModel(kerasLike(1, [-1, 4]), path);
    const cell = await store.get(await importModel(store, path));
    const { graph } = await networkOf(cell);
    expect(graph.inputs[0]!.shape).toEqual(["N", 1, 2, 2]);
    expect(graph.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["N", 3] }]);
    expect(cell.result()).toMatchObject({ changes: [expect.stringContaining("final Softmax")] });
  });

  test("of several outputs the one called logits counts, else the first, and that is said", async () => {
    const { folder, store } = await setting();
    for (const [second, wanted] of [
      ["logits", "logits"],
      ["more", "features"],
    ] as const) {
      const g = new Builder();
      const w = g.parameter(
        constant(
          "fc.weight",
          float32(
            [4, 4],
            Array.from({ length: 16 }, (_, i) => i),
          ),
        ),
      );
      const x = g.op("Flatten", [g.input("x", "float32", ["N", 1, 2, 2])]);
      const features = g.op("MatMul", [x, w], {}, { names: ["features"] });
      g.output(features, g.op("Relu", [features], {}, { names: [second] }));
      const path = join(folder, `${second}.onnx`);
      await writeModel(g.finish("two"), path);
      const cell = await store.get(await importModel(store, path));
      expect((await networkOf(cell)).graph.outputs.map(({ name }) => name)).toEqual([wanted]);
      expect(cell.result()).toMatchObject({
        changes: [expect.stringMatching(new RegExp(`"${wanted}" is taken for the logits; left out`))],
      });
    }
  });

  test("a batch that is written into the graph is refused", async () => {
    const { folder, store } = await setting();
    const path = join(folder, "fixed.onnx");
    await writeModel(kerasLike(2, [2, 4]), path);
    await expect(importModel(store, path)).rejects.toMatchObject({
      fault: "unsupported",
      message: `${path}: the model works for batches of 2 only: it was exported with a fixed batch size`,
    });
  });
});

describe("naming models", () => {
  test("files and runs become cells with titles that tell them apart", async () => {
    const { folder, path, store } = await setting();
    copyFileSync(path, join(folder, "other.onnx"));
    const [first, second] = await openModels(store, [path, join(folder, "other.onnx")]);
    expect(first).toEqual({ address: second!.address, title: "model.onnx" });
    expect(second!.title).toBe("other.onnx");
    const [stored] = await openModels(store, [first!.address.slice(0, 12)]);
    expect(stored).toEqual({
      address: first!.address,
      title: expect.stringMatching(/^cnn \(import [0-9a-f]{10}\)$/) as string,
    });
  });

  test.each([
    ["mode1.onnx", /"mode1\.onnx" is neither a file nor the address of a run/, /nearest in .*: model\.onnx/],
    ["resnet", /"resnet" is neither a file nor the address/, /runs of this store: [0-9a-f]{10};/],
    ["abcdef12", /no cell of store .* has an address beginning with abcdef12/, /runs list/],
    ["folder.onnx", /folder\.onnx" is a folder, expected a model file/, /in it: .*inside\.onnx/],
    ["notes.txt", /a model is an \.onnx or a \.safetensors file/, /ONNX/],
  ])("%s is refused with what is near", async (name, message, hint) => {
    const { folder, path, store } = await setting();
    await importModel(store, path);
    writeFileSync(join(folder, "notes.txt"), "hello");
    mkdirSync(join(folder, "folder.onnx"));
    writeFileSync(join(folder, "folder.onnx", "inside.onnx"), "hello");
    const full = name.includes(".") ? join(folder, name) : name;
    await expect(openModels(store, [full])).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(message.source.replace(/^"/, '"?(?:.*/)?'))) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });
});
