import { expect, test } from "vitest";
import type { ScopeError } from "../../src/base/error.ts";
import { decodeSafetensors } from "../../src/safetensors/decode.ts";

/** A file with this header, its true length before it, and `dataSize` bytes after it. */
function file(header: string, dataSize = 0, claimed?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + text.byteLength + dataSize);
  new DataView(out.buffer).setBigUint64(0, claimed ?? BigInt(text.byteLength), true);
  out.set(text, 8);
  return out;
}

const entry = (dtype: string, shape: unknown, offsets: unknown): object => ({
  dtype,
  shape,
  data_offsets: offsets,
});
const tensors = (fields: Record<string, unknown>, dataSize = 0): Uint8Array =>
  file(JSON.stringify(fields), dataSize);

/** What the file is, its bytes, the sentence it must get (after "w.safetensors: "), and the fault. */
const table: [string, Uint8Array, string, ScopeError["fault"]][] = [
  ["empty", new Uint8Array(0), "not a safetensors file: it has 0 bytes, at least 8 are needed", "format"],
  [
    "a web page",
    new TextEncoder().encode("<html><body>not found"),
    "not a safetensors file but a web page",
    "format",
  ],
  [
    "a PyTorch checkpoint",
    new TextEncoder().encode("PK\u0003\u0004....archive/data.pkl"),
    "not a safetensors file but a zip archive (PyTorch's .pt files are such)",
    "format",
  ],
  [
    "an endless header",
    file("{}", 0, 2n ** 63n),
    "not a safetensors file: its header would have 9223372036854775808 bytes, at most 100000000 are allowed",
    "format",
  ],
  [
    "a header longer than the file",
    file("{}", 0, 3n),
    "the header claims 3 bytes, the file has 2 after the length",
    "format",
  ],
  [
    "cut short",
    tensors({ w: entry("F32", [4], [0, 16]) }, 10),
    `tensor "w" ends at byte 16 of the data, the file has 10`,
    "format",
  ],
  ["no JSON", file("{nope}"), "the header is not JSON in UTF-8", "format"],
  ["a list", file("[]"), "the header must be a JSON object", "format"],
  ["white space first", file(" {}"), "the header must be a JSON object", "format"],
  [
    "a name twice",
    file(
      `{"a":${JSON.stringify(entry("U8", [0], [0, 0]))},"\\u0061":${JSON.stringify(entry("U8", [0], [0, 0]))}}`,
    ),
    `the header has the name "a" twice`,
    "format",
  ],
  [
    "a field twice",
    file(`{"a":{"dtype":"U8","dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
    `the header has the name "dtype" twice`,
    "format",
  ],
  [
    "metadata that is no text",
    tensors({ __metadata__: { step: 3 } }),
    `metadata "step" must be a text, found number`,
    "format",
  ],
  [
    "metadata that is a list",
    tensors({ __metadata__: [] }),
    `"__metadata__" must be an object of texts`,
    "format",
  ],
  [
    "a tensor that is a number",
    tensors({ w: 1 }),
    `tensor "w" must be an object with dtype, shape and data_offsets`,
    "format",
  ],
  ["no dtype", tensors({ w: { shape: [], data_offsets: [0, 4] } }, 4), `tensor "w" has no dtype`, "format"],
  [
    "an unknown dtype",
    tensors({ w: entry("constructor", [1], [0, 4]) }, 4),
    `tensor "w" has the unknown dtype "constructor"`,
    "format",
  ],
  [
    "a dtype we do not carry",
    tensors({ w: entry("F8_E4M3", [4], [0, 4]) }, 4),
    `tensor "w" has element type F8_E4M3, which is unsupported`,
    "unsupported",
  ],
  [
    "no shape",
    tensors({ w: { dtype: "F32", data_offsets: [0, 4] } }, 4),
    `tensor "w" has no shape`,
    "format",
  ],
  [
    "a negative size",
    tensors({ w: entry("F32", [-1], [0, 4]) }, 4),
    `tensor "w": dimension 0 must be a whole number from 0 on, found -1`,
    "format",
  ],
  [
    "a broken size",
    tensors({ w: entry("F32", [1.5], [0, 4]) }, 4),
    `tensor "w": dimension 0 must be a whole number from 0 on, found 1.5`,
    "format",
  ],
  [
    "a size beyond exact numbers",
    file(`{"w":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}`, 4),
    `tensor "w": dimension 0 must be a whole number from 0 on, found 9007199254740992`,
    "format",
  ],
  [
    "an overflowing shape",
    tensors({ w: entry("F32", [2 ** 31, 2 ** 31], [0, 4]) }, 4),
    `tensor "w": shape [2147483648, 2147483648] is impossibly large`,
    "format",
  ],
  [
    "10^12 elements in 70 bytes",
    tensors({ w: entry("U8", [1e12], [0, 1e12]) }, 4),
    `tensor "w" ends at byte 1000000000000 of the data, the file has 4`,
    "format",
  ],
  [
    "1000 dimensions",
    tensors(
      {
        w: entry(
          "U8",
          Array.from({ length: 1000 }, () => 1),
          [0, 1],
        ),
      },
      1,
    ),
    `tensor "w" has 1000 dimensions, at most 64 are allowed`,
    "format",
  ],
  [
    "a shape that does not fill its span",
    tensors({ w: entry("F32", [3], [0, 8]) }, 8),
    `tensor "w": F32 of shape [3] needs 12 bytes, its offsets [0, 8] span 8`,
    "format",
  ],
  [
    "offsets backwards",
    tensors({ w: entry("F32", [1], [4, 0]) }, 4),
    `tensor "w": data_offsets must be two whole numbers in ascending order, found [4,0]`,
    "format",
  ],
  [
    "three offsets",
    tensors({ w: entry("F32", [1], [0, 2, 4]) }, 4),
    `tensor "w": data_offsets must be a pair of numbers`,
    "format",
  ],
  [
    "an unknown field",
    tensors({ w: { ...entry("F32", [1], [0, 4]), stride: [1] } }, 4),
    `tensor "w" has an unknown field "stride"`,
    "format",
  ],
  [
    "overlapping tensors",
    tensors({ a: entry("U8", [3], [0, 3]), b: entry("U8", [3], [2, 5]) }, 5),
    `tensor "b" starts at byte 2 of the data and overlaps the tensor before it`,
    "format",
  ],
  [
    "a hole",
    tensors({ a: entry("U8", [2], [0, 2]), b: entry("U8", [2], [3, 5]) }, 5),
    `tensor "b" starts at byte 3 of the data, which leaves a hole from byte 2 on`,
    "format",
  ],
  [
    "bytes nobody owns",
    tensors({ a: entry("U8", [2], [0, 2]) }, 5),
    "the tensors end at byte 2 of the data, the file has 3 bytes more",
    "format",
  ],
];

test.each(table)(
  "a lying safetensors file is refused without taking memory: %s",
  (_what, bytes, message, fault) => {
    const before = process.memoryUsage();
    let error: ScopeError | undefined;
    try {
      decodeSafetensors(bytes, "w.safetensors");
    } catch (reason) {
      error = reason as ScopeError;
    }
    const after = process.memoryUsage();
    expect(error?.message).toBe(`w.safetensors: ${message}`);
    expect(error?.fault).toBe(fault);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8e6);
  },
);

test("an unaligned file of another writer is read, by copying", () => {
  const bytes = tensors({ flag: entry("BOOL", [1], [0, 1]), w: entry("F32", [1], [1, 5]) }, 5);
  bytes.set(new Uint8Array(Float32Array.of(1.5).buffer), bytes.byteLength - 4);
  expect(decodeSafetensors(bytes, "w.safetensors").tensors.get("w")!.load().data).toEqual(
    Float32Array.of(1.5),
  );
});
