import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bytesUnder, memorySource } from "../base/bytes.ts";
import {
  type Attribute,
  constant,
  type Dim,
  type Graph,
  type Initializer,
  type Node,
  type ValueInfo,
} from "../graph/graph.ts";
import { allocate, bytesOf, type DType, float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { arrange } from "./arrange.ts";
import { decodeModel, decodeModelFrom } from "./decode.ts";
import { encodeModel } from "./encode.ts";
import { readModel } from "./read.node.ts";
import { dataTypes } from "../graph/data-types.ts";
import { writeModel } from "./write.node.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "scope-onnx-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const dtypes = Object.keys(dataTypes) as DType[];
const anyText = fc.string({ unit: "grapheme", maxLength: 8 });
const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(3), { maxLength: 3 }) })
  .chain(({ dtype, shape }) => {
    const size = sizeOf(shape) * bytesOf(dtype);
    return fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => {
      const data = allocate(dtype, sizeOf(shape));
      bytesUnder(data).set(bytes);
      return { dtype, shape, data };
    });
  });
const anyInt = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(2 ** 63, -(2 ** 63), 0));
const anyFloat = fc.float({ noNaN: true });
const anyDim: fc.Arbitrary<Dim> = fc.oneof(
  fc.nat(),
  anyText.filter((text) => text !== ""),
  fc.constant(null),
);
const anyAttribute: fc.Arbitrary<Attribute> = fc.oneof(
  anyInt.map((value): Attribute => ({ type: "int", value })),
  anyFloat.map((value): Attribute => ({ type: "float", value })),
  anyText.map((value): Attribute => ({ type: "string", value })),
  anyTensor.map((value): Attribute => ({ type: "tensor", value })),
  fc.array(anyInt).map((value): Attribute => ({ type: "ints", value })),
  fc.array(anyFloat).map((value): Attribute => ({ type: "floats", value })),
  fc.array(anyText).map((value): Attribute => ({ type: "strings", value })),
);
const anyAttributes = fc.dictionary(
  anyText.filter((key) => key !== ""),
  anyAttribute,
  { maxKeys: 3 },
);

/** A graph whose nodes take any of the values before them: `shape` decides the wiring, the rest is decoration. */
const anyGraph: fc.Arbitrary<Graph> = fc
  .record({
    opset: fc.integer({ min: 13, max: 22 }),
    name: anyText,
    tensors: fc.array(anyTensor, { maxLength: 4 }),
    input: fc.record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(anyDim, { maxLength: 4 }) }),
    nodes: fc.array(
      fc.record({
        picks: fc.array(fc.nat(), { maxLength: 3 }),
        attributes: anyAttributes,
        name: anyText,
        custom: fc.boolean(),
      }),
      {
        maxLength: 8,
      },
    ),
    metadata: fc.dictionary(anyText, anyText, { maxKeys: 3 }),
    nested: fc.boolean(),
  })
  .map(({ opset, name, tensors, input, nodes: plans, metadata, nested }) => {
    const names = ["x", ...tensors.map((_, i) => `w${i}`)];
    const nodes = plans.map((plan, i): Node => {
      const inputs = plan.picks.map((p) => ["", ...names][p % (names.length + 1)]!);
      names.push(`v${i}`);
      return {
        op: "Op",
        domain: plan.custom ? "org.example" : "",
        name: plan.name,
        inputs,
        outputs: [`v${i}`, ""],
        attributes: plan.attributes,
      };
    });
    const info = (value: string): ValueInfo => ({ name: value, ...input });
    const graph: Graph = {
      name,
      inputs: [info("x")],
      outputs: [info(names.at(-1)!)],
      initializers: new Map(tensors.map((t, i): [string, Initializer] => [`w${i}`, constant(`w${i}`, t)])),
      nodes,
      values: new Map(
        nodes.slice(0, -1).map((node): [string, ValueInfo] => [node.outputs[0]!, info(node.outputs[0]!)]),
      ),
      opsets: { "": opset, "org.example": 1 },
      metadata: {},
    };
    if (!nested) return { ...graph, metadata };
    const body: Graph = {
      ...graph,
      name: "body",
      inputs: [{ name: "x", dtype: "float32", shape: [], unranked: true }],
    };
    const caller: Node = {
      op: "If",
      domain: "",
      name: "",
      inputs: ["x"],
      outputs: ["y"],
      attributes: { body: { type: "graph", value: body } },
    };
    return {
      ...graph,
      initializers: new Map(),
      nodes: [caller],
      outputs: [info("y")],
      values: new Map(),
      metadata,
    };
  });

/** A graph as plain comparable data, its numbers as bytes. */
function plain(graph: Graph): unknown {
  const tensor = (t: Tensor): unknown => [t.dtype, t.shape, Buffer.from(bytesUnder(t.data)).toString("hex")];
  const attribute = (a: Attribute): unknown =>
    a.type === "tensor" ? tensor(a.value) : a.type === "graph" ? plain(a.value) : a;
  return {
    ...graph,
    initializers: [...graph.initializers].map(([name, i]) => [
      name,
      i.name,
      i.dtype,
      i.shape,
      tensor(i.load()),
    ]),
    nodes: graph.nodes.map((node) => ({
      ...node,
      attributes: Object.entries(node.attributes).map(([name, a]) => [name, attribute(a)]),
    })),
    values: [...graph.values],
  };
}

/** A chain x → MatMul w → y with a weight of `size` × `size`. */
function chain(size: number): Graph {
  return {
    name: "chain",
    inputs: [{ name: "x", dtype: "float32", shape: ["N", size] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["N", size] }],
    initializers: new Map([
      [
        "w",
        constant(
          "w",
          float32(
            [size, size],
            Float32Array.from({ length: size * size }, (_, i) => i),
          ),
        ),
      ],
    ]),
    nodes: [{ op: "MatMul", domain: "", name: "mm", inputs: ["x", "w"], outputs: ["y"], attributes: {} }],
    values: new Map(),
    opsets: { "": 17 },
    metadata: { from: "a test" },
  };
}

test("what is written is read back: types, shapes, attributes, nested graphs, metadata", () => {
  fc.assert(
    fc.property(anyGraph, (graph) => {
      expect(plain(decodeModel(encodeModel(graph, { innerValues: true }), "a.onnx"))).toEqual(plain(graph));
    }),
    { numRuns: 300 },
  );
});

test("writing what was read gives the same bytes", () => {
  fc.assert(
    fc.property(anyGraph, (graph) => {
      const bytes = encodeModel(graph);
      expect(encodeModel(decodeModel(bytes, "a.onnx"))).toEqual(bytes);
    }),
  );
});

test("a file cut at any byte or with any byte changed is read or refused with a sentence, never anything else", () => {
  const bytes = encodeModel(chain(3), { innerValues: true });
  fc.assert(
    fc.property(fc.nat(bytes.byteLength - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
      const damaged = cut
        ? bytes.subarray(0, at)
        : Uint8Array.from(bytes, (byte, i) => (i === at ? value : byte));
      try {
        decodeModel(damaged, "a.onnx");
      } catch (error) {
        expect(error).toMatchObject({
          name: "ScopeError",
          message: expect.stringMatching(/^a\.onnx: /) as string,
        });
        expect((error as { fault: string }).fault).not.toBe("bug");
      }
    }),
    { numRuns: 1500 },
  );
});

test("nodes in any order come out sorted, and a sorted list stays as it is", () => {
  const node = (name: string, inputs: readonly string[]): Node => ({
    op: "Op",
    domain: "",
    name,
    inputs,
    outputs: [name],
    attributes: {},
  });
  const anyNodes = fc
    .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
    .map((wiring) =>
      wiring.map((picks, i) =>
        node(
          `n${i}`,
          picks.map((p) => (i === 0 ? "x" : `n${p % i}`)),
        ),
      ),
    );
  const withOrder = anyNodes.chain((nodes) =>
    fc.tuple(
      fc.constant(nodes),
      fc.shuffledSubarray(nodes, { minLength: nodes.length, maxLength: nodes.length }),
    ),
  );
  fc.assert(
    fc.property(withOrder, ([nodes, shuffled]) => {
      expect(arrange(nodes, new Set(["x"]), [], new Map(), "a.onnx").nodes).toEqual(nodes);
      const seen = new Set(["x"]);
      const { nodes: sorted } = arrange(shuffled, new Set(["x"]), [], new Map(), "a.onnx");
      for (const { name, inputs } of sorted) {
        expect(inputs.every((input) => seen.has(input))).toBe(true);
        seen.add(name);
      }
      expect(sorted.length).toBe(nodes.length);
    }),
  );
});

test("a chain of 100,000 nodes in reverse order is sorted without exhausting the stack", () => {
  const nodes = Array.from({ length: 100_000 }, (_, i): Node => ({
    op: "Neg",
    domain: "",
    name: "",
    inputs: [i === 0 ? "x" : `v${i - 1}`],
    outputs: [`v${i}`],
    attributes: {},
  }));
  const { nodes: sorted } = arrange(nodes.toReversed(), new Set(["x"]), [], new Map(), "a.onnx");
  expect(sorted).toEqual(nodes);
});

test("opening a model leaves big weights unread; loading one reads exactly its bytes", () => {
  const bytes = encodeModel(chain(1000));
  const whole = memorySource(bytes);
  let total = 0;
  const reads: number[] = [];
  const counting = {
    size: whole.size,
    read(offset: number, length: number) {
      total += length;
      reads.push(length);
      return whole.read(offset, length).slice();
    },
  };
  const graph = decodeModelFrom(counting, "a.onnx", () => counting);
  expect(total).toBeLessThan(70_000);
  reads.length = 0;
  const loaded = graph.initializers.get("w")!.load();
  expect(reads).toEqual([4_000_000]);
  expect(loaded.data[999_999]).toBe(999_999);
});

test("a model is written to one file and read back", async () => {
  const path = join(dir, "m.onnx");
  await writeModel(chain(200), path);
  expect(readdirSync(dir)).toEqual(["m.onnx"]);
  expect(plain(await readModel(path))).toEqual(plain(chain(200)));
  await expect(writeModel(chain(2), path)).rejects.toThrow(`${path}: already exists`);
  expect(plain(await readModel(path))).toEqual(plain(chain(200)));
  await writeModel(chain(2), path, { overwrite: true });
  expect(plain(await readModel(path))).toEqual(plain(chain(2)));
});

test("weights go to a file beside the model above the threshold, aligned to pages", async () => {
  const path = join(dir, "m.onnx");
  const two = chain(200);
  const bias = constant("b", float32([300], new Float32Array(300).fill(2)));
  const graph = {
    ...two,
    initializers: new Map([...two.initializers, ["tiny", constant("tiny", float32([1], [5]))], ["b", bias]]),
  };
  await writeModel(graph, path, { externalDataThreshold: 1000 });
  expect(readdirSync(dir)).toEqual(["m.onnx", "m.onnx.data"]);
  expect(readFileSync(path).byteLength).toBeLessThan(500);
  expect(readFileSync(`${path}.data`).byteLength).toBe(163_840 + 1200);
  expect(plain(await readModel(path))).toEqual(plain(graph));
  await expect(writeModel(graph, path, { externalDataThreshold: 1000 })).rejects.toThrow("already exists");
  // Over itself: the lazy weights are read from the very files that are replaced.
  await writeModel(await readModel(path), path, { externalDataThreshold: 1000, overwrite: true });
  expect(plain(await readModel(path))).toEqual(plain(graph));
  expect(readdirSync(dir)).toEqual(["m.onnx", "m.onnx.data"]);
});

test("weights in memory are had through the caller's function, and only when asked for", async () => {
  const path = join(dir, "m.onnx");
  await writeModel(chain(200), path, { externalDataThreshold: 1 });
  const data = readFileSync(`${path}.data`);
  const asked: unknown[] = [];
  const graph = decodeModel(readFileSync(path), "m.onnx", (location, offset, length) => {
    asked.push([location, offset, length]);
    return data.subarray(offset, offset + length);
  });
  expect(asked).toEqual([]);
  expect(graph.initializers.get("w")!.load().data).toEqual(chain(200).initializers.get("w")!.load().data);
  expect(asked).toEqual([["m.onnx.data", 0, 160_000]]);
  expect(() => decodeModel(readFileSync(path), "m.onnx")).toThrow(
    `m.onnx: initializer "w": its numbers are in another file, "m.onnx.data", which is not at hand`,
  );
});

test("a data file that is a link out of the model's folder is refused", async () => {
  mkdirSync(join(dir, "models"));
  const path = join(dir, "models", "m.onnx");
  await writeModel(chain(200), path, { externalDataThreshold: 1 });
  rmSync(`${path}.data`);
  await expect(readModel(path)).rejects.toThrow(
    `${path}: initializer "w": its external data: ${path}.data: no such file`,
  );
  writeFileSync(join(dir, "secret"), new Uint8Array(160_000));
  symlinkSync("../secret", `${path}.data`);
  await expect(readModel(path)).rejects.toThrow(
    `${path}: initializer "w": its external data "m.onnx.data" is a link out of the model's folder`,
  );
});

test("a model that would not fit into one protobuf message is refused in memory, before anything is loaded", () => {
  const untouchable = (): Tensor => {
    throw new Error("was loaded");
  };
  const shape = [2 ** 29];
  const graph = {
    ...chain(2),
    initializers: new Map([["w", { name: "w", dtype: "float32" as const, shape, load: untouchable }]]),
  };
  expect(() => encodeModel(graph)).toThrow(
    /^model "chain" would have 2147483\d{3} bytes, a single ONNX file can have 2147483647$/,
  );
});

test("only operator sets 13 to 22 are written", () => {
  expect(() => encodeModel({ ...chain(2), opsets: { "": 12 } })).toThrow(
    `model "chain" uses operator set 12, versions 13 to 22 can be written`,
  );
});
