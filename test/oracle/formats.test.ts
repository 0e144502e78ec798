import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bytesUnder } from "../../src/base/bytes.ts";
import type { Initializer } from "../../src/graph/graph.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { readModel } from "../../src/onnx/read.node.ts";
import { encodeSafetensors } from "../../src/safetensors/encode.ts";
import { readSafetensors } from "../../src/safetensors/read.node.ts";
import { numbers, sizeOf } from "../../src/tensor/tensor.ts";
import { encodeBFloat16, encodeFloat16 } from "../../src/tensor/half.ts";

// Files written by the reference libraries: see formats/make.py.
const fixture = (name: string): string => new URL(`formats/${name}`, import.meta.url).pathname;
const expected = JSON.parse(readFileSync(fixture("expected.json"), "utf8")) as {
  tensors: Record<string, { dtype: string; shape: number[]; hex: string }>;
  halves: Record<"float32" | "float16" | "bfloat16", number[]>;
};
const contents = (tensors: ReadonlyMap<string, Initializer>): unknown =>
  Object.fromEntries(
    [...tensors].map(([name, initializer]) => {
      const { dtype, shape, data } = initializer.load();
      return [name, { dtype, shape, hex: Buffer.from(bytesUnder(data)).toString("hex") }];
    }),
  );

test.each(["raw.onnx", "typed.onnx"])(
  "every element type in %s has the bytes the onnx library gave it",
  async (name) => {
    const { initializers } = await readModel(fixture(name));
    expect(contents(initializers)).toEqual(expected.tensors);
  },
);

test("external data written by the onnx library is read, each tensor at its own offset", async () => {
  const { initializers, opsets } = await readModel(fixture("external.onnx"));
  expect(opsets).toEqual({ "": 21 });
  for (const count of [300, 7]) {
    expect(numbers(initializers.get(`w${count}`)!.load())).toEqual(
      Array.from({ length: count }, (_, i) => i),
    );
  }
});

test("attributes of every kind, nested graphs, constants and unsorted nodes are read", async () => {
  const graph = await readModel(fixture("everything.onnx"));
  expect(graph.nodes.map((node) => node.name)).toEqual(["clip", "choose", "odd", "reshape"]);
  expect(graph.nodes[0]!.inputs).toEqual(["x", "", "high"]);
  expect(graph.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["N", 2] }]);
  expect(graph.outputs).toEqual([
    { name: "out", dtype: "float32", shape: [], unranked: true },
    { name: "r", dtype: "float32", shape: [null, 2] },
  ]);
  expect([...graph.values.values()]).toEqual([{ name: "h", dtype: "float32", shape: ["N", 2] }]);
  expect(graph.opsets).toEqual({ "": 22, "org.example": 3 });
  expect(Object.entries(graph.metadata)).toEqual([
    ["a", "1"],
    ["__proto__", "x"],
    ["licence", "CC0 ♥"],
  ]);
  const constants = [...graph.initializers.values()].map((i) => [
    i.name,
    i.dtype,
    i.shape,
    numbers(i.load()),
  ]);
  expect(constants.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))).toEqual([
    ["axis", "int64", [], [7]],
    ["flag", "bool", [], [1]],
    ["high", "float32", [], [1.5]],
    ["k", "float32", [1], [4]],
    ["list", "float32", [2], [0.5, -1]],
    ["shape", "int64", [2], [-1, 2]],
  ]);
  const odd = graph.nodes[2]!;
  expect(odd.outputs).toEqual(["out", ""]);
  expect(odd.attributes).toEqual({
    an_int: { type: "int", value: -3 },
    a_float: { type: "float", value: Math.fround(0.1) },
    a_string: { type: "string", value: "häh" },
    ints: { type: "ints", value: [2 ** 63, -(2 ** 63), 0] },
    floats: { type: "floats", value: [1, -0.5] },
    strings: { type: "strings", value: ["a", ""] },
    a_tensor: {
      type: "tensor",
      value: { dtype: "int64", shape: [2, 2], data: BigInt64Array.of(1n, 2n, 3n, 4n) },
    },
  });
  const branch = graph.nodes[1]!.attributes["then_branch"];
  if (branch?.type !== "graph") throw new Error("then_branch is no graph");
  expect(branch.value.nodes.map((node) => [node.op, node.inputs])).toEqual([["Add", ["h", "then_c"]]]);
});

test("safetensors: every element type is read, and writing it again gives the library's own bytes", async () => {
  const path = fixture("tensors.safetensors");
  const { tensors, metadata } = await readSafetensors(path);
  expect(metadata).toEqual({ note: "grün ♥" });
  expect(contents(tensors)).toEqual(expected.tensors);
  expect(Buffer.from(encodeSafetensors(tensors, metadata)).equals(readFileSync(path))).toBe(true);
});

test("float32 is rounded to float16 and bfloat16 as torch does it", () => {
  const { float32: bits, float16, bfloat16 } = expected.halves;
  const values = new Float32Array(Uint32Array.from(bits).buffer);
  expect([...encodeFloat16(values)]).toEqual(float16);
  expect([...encodeBFloat16(values)]).toEqual(bfloat16);
});

test("a real network, MobileNetV3-Small, is read and written again unchanged", async (context) => {
  const path = new URL("../../../shared/data/models/mobilenetv3-small.onnx", import.meta.url).pathname;
  if (!existsSync(path)) context.skip(`${path} is not there`);
  const graph = await readModel(path);
  expect([graph.nodes.length, graph.initializers.size]).toEqual([122, 108]);
  expect(graph.inputs).toEqual([{ name: "input", dtype: "float32", shape: ["N", 3, "H", "W"] }]);
  expect(graph.outputs.map((output) => [output.name, output.shape])).toEqual([
    ["features", ["N", 576]],
    ["logits", ["N", 3]],
  ]);
  const parameters = [...graph.initializers.values()].reduce((total, { shape }) => total + sizeOf(shape), 0);
  expect(parameters).toBe(1_514_875);
  // All but the producer's name, the only thing in this file that we do not keep.
  const ours = encodeModel(graph);
  const theirs = readFileSync(path);
  expect(ours.byteLength - "transferscope".length).toBe(theirs.byteLength - "pkg2onnx".length);
});
