import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bytesUnder, memorySource } from "../base/bytes.ts";
import { allocate, bytesOf, type DType, float32, int64s, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { decodeSafetensors, decodeSafetensorsFrom } from "./decode.ts";
import { dtypeNames } from "./dtypes.ts";
import { encodeSafetensors } from "./encode.ts";
import { readSafetensors } from "./read.node.ts";
import { writeSafetensors } from "./write.node.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "scope-safetensors-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Any tensor: random bytes are valid numbers of every type but bool. */
const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom<DType[]>(...Object.values(dtypeNames)),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
  })
  .chain(({ dtype, shape }) => {
    const size = sizeOf(shape) * bytesOf(dtype);
    return fc
      .uint8Array({ minLength: size, maxLength: size, ...(dtype === "bool" ? { max: 1 } : {}) })
      .map((bytes) => {
        const data = allocate(dtype, sizeOf(shape));
        bytesUnder(data).set(bytes);
        return { dtype, shape, data };
      });
  });
const anyName = fc.string({ unit: "grapheme", maxLength: 12 }).filter((name) => name !== "__metadata__");
const anyTensors = fc.uniqueArray(fc.tuple(anyName, anyTensor), { selector: ([name]) => name, maxLength: 6 });
const anyMetadata = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), {
  maxKeys: 4,
});

const contents = (tensor: Tensor): unknown => [
  tensor.dtype,
  tensor.shape,
  Buffer.from(bytesUnder(tensor.data)).toString("hex"),
];

test("what is written is read back, every type and shape", () => {
  fc.assert(
    fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
      const read = decodeSafetensors(encodeSafetensors(tensors, metadata), "a.safetensors");
      expect(read.metadata).toEqual({ ...metadata });
      expect(read.tensors.size).toBe(tensors.length);
      for (const [name, tensor] of tensors) {
        const found = read.tensors.get(name)!;
        expect([found.name, found.dtype, found.shape]).toEqual([name, tensor.dtype, tensor.shape]);
        expect(contents(found.load())).toEqual(contents(tensor));
      }
    }),
  );
});

test("the order of tensors and metadata does not change the bytes", () => {
  fc.assert(
    fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
      const backwards = Object.fromEntries(Object.entries(metadata).toReversed());
      expect(encodeSafetensors(tensors.toReversed(), backwards)).toEqual(
        encodeSafetensors(tensors, metadata),
      );
    }),
  );
});

test("every tensor is aligned to its element size, so it is read without copying", () => {
  fc.assert(
    fc.property(anyTensors, (tensors) => {
      const bytes = encodeSafetensors(tensors);
      const { tensors: read } = decodeSafetensors(bytes, "a.safetensors");
      for (const tensor of read.values()) expect(tensor.load().data.buffer).toBe(bytes.buffer);
    }),
  );
});

test("opening reads the header and nothing else, loading one tensor reads its bytes and nothing else", () => {
  const bytes = encodeSafetensors([
    ["big", float32([1000, 1000], new Float32Array(1_000_000))],
    ["small", int64s([1, 2])],
  ]);
  const whole = memorySource(bytes);
  const reads: [number, number][] = [];
  const counting = {
    size: whole.size,
    read(offset: number, length: number) {
      reads.push([offset, length]);
      return whole.read(offset, length);
    },
  };
  const { tensors } = decodeSafetensorsFrom(counting, "a.safetensors");
  expect(reads.reduce((total, [, length]) => total + length, 0)).toBe(bytes.byteLength - 4_000_000 - 16);
  reads.length = 0;
  expect(tensors.get("small")!.load().data).toEqual(BigInt64Array.of(1n, 2n));
  expect(reads).toEqual([[bytes.byteLength - 4_000_000 - 16, 16]]);
});

test("a file is written whole and read lazily; a lazy tensor can be written again", async () => {
  const path = join(dir, "a.safetensors");
  await writeSafetensors(path, new Map([["w", float32([2], [1, 2])]]), { step: "3" });
  const read = await readSafetensors(path);
  expect(read.metadata).toEqual({ step: "3" });
  await writeSafetensors(path, read.tensors, read.metadata, { overwrite: true });
  expect((await readSafetensors(path)).tensors.get("w")!.load()).toEqual(float32([2], [1, 2]));
  expect(readdirSync(dir)).toEqual(["a.safetensors"]);
});

test("an existing file is not replaced unless told, and a changed file is noticed", async () => {
  const path = join(dir, "a.safetensors");
  await writeSafetensors(path, [["w", float32([1], [1])]]);
  const before = readFileSync(path);
  await expect(writeSafetensors(path, [["w", float32([1], [2])]])).rejects.toThrow(`${path}: already exists`);
  expect(readFileSync(path)).toEqual(before);
  const { tensors } = await readSafetensors(path);
  rmSync(path);
  writeFileSync(path, Buffer.concat([before, Buffer.from("x")]));
  expect(() => tensors.get("w")!.load()).toThrow("has changed since it was opened");
});

test("names that cannot be written are refused before anything is written", () => {
  const w = float32([1], [1]);
  expect(() => encodeSafetensors([["__metadata__", w]])).toThrow(`a tensor cannot be called "__metadata__"`);
  expect(() =>
    encodeSafetensors([
      ["w", w],
      ["w", w],
    ]),
  ).toThrow(`two tensors to be written are called "w"`);
  expect(() => encodeSafetensors([["\ud800", w]])).toThrow("is not valid Unicode");
  expect(() =>
    encodeSafetensors([["w", { dtype: "float32", shape: [2], data: new Float32Array(1) }]]),
  ).toThrow("should have 8 bytes, its data has 4");
});
