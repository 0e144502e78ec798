import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { ScopeError } from "../../src/base/error.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { readModel } from "../../src/onnx/read.node.ts";
import { claim, int, join, part } from "./protobuf.ts";

const dir = mkdtempSync(joinPath(tmpdir(), "scope-broken-"));
afterAll(() => rmSync(dir, { recursive: true }));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const opset = (version: number, domain?: string): Uint8Array =>
  part(8, ...(domain === undefined ? [] : [part(1, domain)]), int(2, version));
const model = (...graph: Uint8Array[]): Uint8Array => join(int(1, 8), part(7, ...graph), opset(17));
const dims = (...sizes: (number | bigint)[]): Uint8Array => join(...sizes.map((size) => int(1, size)));
const float = int(2, 1);
/** A graph with one initializer "w" of these fields. */
const weight = (...fields: Uint8Array[]): Uint8Array => model(part(5, ...fields, part(8, "w")));
const external = (fields: Record<string, string>, shape = dims(2)): Uint8Array =>
  weight(
    shape,
    float,
    ...Object.entries(fields).map(([key, value]) => part(13, part(1, key), part(2, value))),
    int(14, 1),
  );
const node = (op: string, inputs: string[], outputs: string[], ...more: Uint8Array[]): Uint8Array =>
  part(
    1,
    ...inputs.map((name) => part(1, name)),
    ...outputs.map((name) => part(2, name)),
    part(4, op),
    ...more,
  );
const value = (field: number, name: string, ...type: Uint8Array[]): Uint8Array =>
  part(field, part(1, name), part(2, ...type));
const tensorType = (...shape: Uint8Array[]): Uint8Array => part(1, int(1, 1), part(2, ...shape));

/** What the file is, its bytes, the sentence it must get (after "m.onnx: "), and the fault. */
const table: [string, Uint8Array, string, ScopeError["fault"]][] = [
  ["empty", text(""), "not an ONNX model: the file is empty", "format"],
  ["a web page", text("<!DOCTYPE html><html>"), "not an ONNX model but a web page", "format"],
  [
    "a Git LFS pointer",
    text("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
    "not an ONNX model but a Git LFS pointer, not the file itself",
    "format",
  ],
  [
    "a PyTorch checkpoint",
    text("PK\u0003\u0004....archive/data.pkl"),
    "not an ONNX model but a zip archive (PyTorch's .pt files are such)",
    "format",
  ],
  [
    "a safetensors file",
    join(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0), text('{"a":1}')),
    "not an ONNX model but a safetensors file",
    "format",
  ],
  [
    "prose",
    text("Call me Ishmael. Some years ago"),
    "damaged, or not an ONNX model: at byte 0 field 8 has the unknown wire type 3",
    "format",
  ],
  ["zeros", new Uint8Array(64), "damaged, or not an ONNX model: at byte 0 there is no valid field", "format"],
  ["protobuf, but no model", int(1, 8), "not an ONNX model: it has no graph", "format"],
  ["no IR version", join(part(7), opset(17)), "not an ONNX model: it has no IR version", "format"],
  [
    "no operator set",
    join(int(1, 8), part(7)),
    "the model does not say which version of ONNX's operators it uses",
    "format",
  ],
  [
    "operator set 12",
    join(int(1, 7), part(7), opset(12)),
    "the model uses version 12 of ONNX's operators, versions 13 to 22 are supported",
    "unsupported",
  ],
  [
    "operator set 23",
    join(int(1, 11), part(7), opset(23, "ai.onnx")),
    "the model uses version 23 of ONNX's operators, versions 13 to 22 are supported",
    "unsupported",
  ],
  [
    "two operator sets of one domain",
    join(model(), opset(18, "ai.onnx")),
    `the operator set of domain "" is imported twice`,
    "format",
  ],
  ["two graphs", join(model(), part(7)), "the model has two graphs", "format"],
  [
    "cut short",
    model(part(5, part(9, new Uint8Array(40)))).subarray(0, 30),
    "damaged, or not an ONNX model: at byte 2 field 7 goes on to byte 48, but the file ends at byte 30",
    "format",
  ],
  [
    "a part longer than its whole",
    model(claim(5, 1000)),
    "damaged, or not an ONNX model: at byte 4 field 5 goes on to byte 1007, but what it belongs to ends at byte 7",
    "format",
  ],
  [
    "a length of 2^63",
    model(claim(5, 2n ** 63n)),
    "damaged, or not an ONNX model: at byte 4 field 5 has an impossible length",
    "format",
  ],
  [
    "a number that does not end",
    join(int(1, 8), Uint8Array.of(7 << 3, 255, 255)),
    "damaged, or not an ONNX model: at byte 3 a number is cut short or too long",
    "format",
  ],
  [
    "a name that is not UTF-8",
    model(part(2, Uint8Array.of(0xff, 0xfe))),
    "damaged, or not an ONNX model: at byte 6 a text is not UTF-8",
    "format",
  ],
  [
    "a graph where a number belongs",
    join(part(1, "x"), model()),
    "damaged, or not an ONNX model: at byte 2 field 1 has wire type 2 instead of 0",
    "format",
  ],
  [
    "functions of its own",
    join(model(), part(25, part(1, "f"))),
    "the model defines functions of its own, which is unsupported",
    "unsupported",
  ],
  [
    "training graphs",
    join(model(), part(20)),
    "the model brings training graphs of its own, which is unsupported",
    "unsupported",
  ],
  [
    "repeated metadata",
    join(model(), part(14, part(1, "a")), part(14, part(1, "a"))),
    `the metadata has the key "a" twice`,
    "format",
  ],
  [
    "sparse weights",
    model(part(15)),
    "the graph has sparse initializers, which are unsupported",
    "unsupported",
  ],

  [
    "a shape that the data does not fill",
    weight(dims(3), float, part(9, new Uint8Array(8))),
    `initializer "w" has shape [3] of float32, which needs 12 bytes; its raw_data has 8`,
    "format",
  ],
  [
    "10^12 elements in a 70-byte file",
    weight(dims(1_000_000, 1_000_000), float, part(9, new Uint8Array(30))),
    `initializer "w" has shape [1000000, 1000000] of float32, which needs 4000000000000 bytes; its raw_data has 30`,
    "format",
  ],
  [
    "10^12 elements without data",
    weight(dims(10 ** 12), float),
    `initializer "w" has shape [1000000000000] of float32, which needs 4000000000000 bytes; it has no data at all`,
    "format",
  ],
  [
    "10^12 elements in a typed field",
    weight(dims(10 ** 12), int(2, 7), part(7, new Uint8Array(20))),
    `initializer "w" has shape [1000000000000] of int64, which needs 1000000000000 numbers; its int64_data has at most 20`,
    "format",
  ],
  [
    "a shape that overflows",
    weight(dims(2 ** 31, 2 ** 31), float),
    `initializer "w" has shape [2147483648, 2147483648], which is impossibly large`,
    "format",
  ],
  [
    "a shape that overflows behind a zero",
    weight(dims(0, 2 ** 40, 2 ** 40), float),
    `initializer "w" has shape [0, 1099511627776, 1099511627776], which is impossibly large`,
    "format",
  ],
  [
    "a negative size",
    weight(dims(-1, 4), float),
    `initializer "w" has shape [-1, 4]: a size cannot be negative`,
    "format",
  ],
  [
    "two negative sizes whose product fits",
    weight(dims(-2, -1), float, part(9, new Uint8Array(8))),
    `initializer "w" has shape [-2, -1]: a size cannot be negative`,
    "format",
  ],
  [
    "1000 dimensions",
    weight(dims(...Array.from({ length: 1000 }, () => 1)), float),
    `initializer "w" has 1000 dimensions, at most 64 are allowed`,
    "format",
  ],
  [
    "too few numbers in a typed field",
    weight(dims(3), float, part(4, new Uint8Array(8))),
    `initializer "w" has shape [3] of float32, which needs 3 numbers; its float_data has 2`,
    "format",
  ],
  [
    "too many varints",
    weight(dims(2), int(2, 7), part(7, Uint8Array.of(1, 2, 3))),
    `initializer "w" needs 2 numbers; its int64_data has 3`,
    "format",
  ],
  [
    "numbers in the wrong field",
    weight(dims(1), float, part(7, Uint8Array.of(1))),
    `initializer "w" is of type float32, but its numbers are in int64_data`,
    "format",
  ],
  [
    "numbers in two places",
    weight(dims(1), float, part(9, new Uint8Array(4)), part(4, new Uint8Array(4))),
    `initializer "w" stores its numbers in two places`,
    "format",
  ],
  [
    "a number outside its type",
    weight(dims(1), int(2, 3), int(5, 300)),
    `initializer "w": number 0 of its int32_data is 300, which is no int8`,
    "format",
  ],
  ["no element type", weight(dims(1)), `initializer "w" has no element type`, "format"],
  [
    "an unknown element type",
    weight(dims(1), int(2, 99)),
    `initializer "w" has the unknown element type 99`,
    "format",
  ],
  [
    "strings",
    weight(dims(1), int(2, 8), part(6, "a")),
    `initializer "w" has element type string, which is unsupported`,
    "unsupported",
  ],
  ["a nameless initializer", model(part(5, dims(0), float)), "an initializer has no name", "format"],
  [
    "two initializers of one name",
    model(part(5, dims(0), float, part(8, "w")), part(5, dims(0), float, part(8, "w"))),
    `two initializers are called "w"`,
    "format",
  ],
  [
    "an integer that no number holds",
    model(node("Op", [], ["y"], part(5, part(1, "a"), int(3, 2n ** 60n + 1n), int(20, 2)))),
    "the integer 1152921504606846977 (byte 19) is unsupported: it needs more than 53 bits",
    "unsupported",
  ],

  [
    "external data up and out",
    external({ location: "../secret" }),
    `initializer "w": its external data lies at "../secret", only files in the model's own folder are read`,
    "format",
  ],
  [
    "external data hidden up and out",
    external({ location: "a/../../secret" }),
    `initializer "w": its external data lies at "a/../../secret", only files in the model's own folder are read`,
    "format",
  ],
  [
    "external data at an absolute path",
    external({ location: "/etc/passwd" }),
    `initializer "w": its external data lies at "/etc/passwd", only files in the model's own folder are read`,
    "format",
  ],
  [
    "external data on a drive",
    external({ location: "C:\\secret" }),
    `initializer "w": its external data lies at "C:\\\\secret", only files in the model's own folder are read`,
    "format",
  ],
  [
    "external data nowhere",
    external({ offset: "0" }),
    `initializer "w": its external data lies at "", only files in the model's own folder are read`,
    "format",
  ],
  [
    "a senseless external offset",
    external({ location: "data.bin", offset: "-8" }),
    `initializer "w": the offset of its external data must be a whole number of bytes, found "-8"`,
    "format",
  ],
  [
    "an external length that is not the shape's",
    external({ location: "data.bin", length: "4" }),
    `initializer "w" has shape [2] of float32, which needs 8 bytes; its external data has 4`,
    "format",
  ],
  [
    "external data past the end of its file",
    external({ location: "data.bin", offset: "96" }),
    `initializer "w": its numbers end at byte 104 of "data.bin", that file has 100`,
    "format",
  ],
  [
    "10^12 external elements",
    external({ location: "data.bin" }, dims(10 ** 12)),
    `initializer "w": its numbers end at byte 4000000000000 of "data.bin", that file has 100`,
    "format",
  ],
  [
    "an unknown kind of external data",
    external({ location: "data.bin", basepath: "/etc" }),
    `initializer "w": external data has the unsupported entry "basepath"`,
    "unsupported",
  ],

  [
    "an input nobody makes",
    model(node("Relu", ["x"], ["y"], part(3, "act"))),
    `node "act" (Relu) needs "x", which nothing makes`,
    "format",
  ],
  [
    "an output nobody makes",
    model(value(12, "y", tensorType())),
    `the list of outputs needs "y", which nothing makes`,
    "format",
  ],
  [
    "a value made twice",
    model(node("A", [], ["y"]), node("B", [], ["y"])),
    `node 1 (B) makes "y", which is already defined elsewhere`,
    "format",
  ],
  [
    "a circle",
    model(node("A", ["b"], ["a"]), node("B", ["a"], ["b"])),
    "node 0 (A) depends on its own output",
    "format",
  ],
  [
    "a node without an operator",
    model(part(1, part(2, "y"), part(3, "n"))),
    `node 0 "n" has no operator`,
    "format",
  ],
  [
    "a domain that is not imported",
    model(node("Op", [], ["y"], part(7, "org.example"))),
    `node 0 (Op) is of the domain "org.example", whose operator set the model does not import`,
    "format",
  ],
  [
    "a domain with a name of JavaScript's own",
    model(node("Op", [], ["y"], part(7, "__proto__"))),
    `node 0 (Op) is of the domain "__proto__", whose operator set the model does not import`,
    "format",
  ],
  [
    "an attribute twice",
    model(node("Op", [], ["y"], part(5, part(1, "a"), int(20, 2)), part(5, part(1, "a"), int(20, 2)))),
    `node 0 (Op) has the attribute "a" twice`,
    "format",
  ],
  [
    "an attribute without a type",
    model(node("Op", [], ["y"], part(5, part(1, "a"), int(3, 1)))),
    `node 0 (Op): attribute "a" has no type`,
    "format",
  ],
  [
    "an attribute without its tensor",
    model(node("Op", [], ["y"], part(5, part(1, "a"), int(20, 4)))),
    `node 0 (Op): attribute "a" has no valid value`,
    "format",
  ],
  [
    "a sparse attribute",
    model(node("Op", [], ["y"], part(5, part(1, "a"), int(20, 11)))),
    `node 0 (Op): attribute "a" is a sparse tensor, which is unsupported`,
    "unsupported",
  ],
  [
    "a huge tensor in an attribute",
    model(node("Constant", [], ["y"], part(5, part(1, "value"), int(20, 4), part(5, dims(10 ** 12), float)))),
    `node 0 (Constant): attribute "value" has shape [1000000000000] of float32, which needs 4000000000000 bytes; it has no data at all`,
    "format",
  ],
  [
    "external data in an attribute",
    model(
      node(
        "Op",
        [],
        ["y"],
        part(
          5,
          part(1, "a"),
          int(20, 4),
          part(5, dims(2), float, part(13, part(1, "location"), part(2, "data.bin")), int(14, 1)),
        ),
      ),
    ),
    `node 0 (Op): attribute "a" keeps its numbers in another file, which is unsupported for attributes`,
    "unsupported",
  ],
  [
    "a text constant",
    model(node("Constant", [], ["y"], part(5, part(1, "value_string"), int(20, 3)))),
    `node 0 (Constant) holds its constant as "value_string" (string), which is unsupported`,
    "unsupported",
  ],
  [
    "a sequence as input",
    model(value(11, "x", part(4))),
    `input "x" is of a sequence type, which is unsupported: only tensors are read`,
    "unsupported",
  ],
  [
    "a map as output",
    model(value(12, "y", part(5))),
    `output "y" is of a map type, which is unsupported: only tensors are read`,
    "unsupported",
  ],
  [
    "an input without a shape",
    model(value(11, "x", part(1, int(1, 1)))),
    `input "x" has no shape, which is unsupported`,
    "unsupported",
  ],
  [
    "an input with a negative size",
    model(value(11, "x", tensorType(part(1, int(1, -1))))),
    `input "x": dimension 0 is -1, a size cannot be negative`,
    "format",
  ],
  [
    "graphs nested without end",
    nested(40),
    "graphs are nested more than 32 deep, which is unsupported",
    "unsupported",
  ],
];

function nested(depth: number): Uint8Array {
  let graph = join();
  for (let i = 0; i < depth; i++)
    graph = node("If", [], [], part(5, part(1, "g"), int(20, 5), part(6, graph)));
  return model(graph);
}

describe.each([
  [
    "in memory",
    (path: string, bytes: Uint8Array) =>
      Promise.resolve().then(() => decodeModel(bytes, path, () => new Uint8Array(0))),
  ],
  [
    "as a file",
    (path: string, bytes: Uint8Array) => {
      writeFileSync(path, bytes);
      writeFileSync(joinPath(dir, "data.bin"), new Uint8Array(100));
      return readModel(path);
    },
  ],
])("a lying ONNX file, read %s, is refused without taking memory", (where, read) => {
  // How large a file beside the model is, only a file system can tell before reading.
  const cases = table.filter(
    ([what]) => where === "as a file" || !/past the end|external elements/.test(what),
  );
  test.each(cases)("%s", async (_what, bytes, message, fault) => {
    const path = joinPath(dir, "m.onnx");
    const before = process.memoryUsage();
    const error = await read(path, bytes).then(
      () => undefined,
      (reason: unknown) => reason as ScopeError,
    );
    const after = process.memoryUsage();
    expect(error?.message).toBe(`${path}: ${message}`);
    expect(error?.fault).toBe(fault);
    // Any of the claimed sizes would exceed this by far.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8e6);
  });
});
