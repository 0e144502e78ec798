import { bytesUnder } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";
import type { Initializer } from "../graph/graph.ts";
import { bytesOf, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { dtypeName, dtypeNames } from "./dtypes.ts";
import { headerLimit } from "./header.ts";

/** What can be written: a tensor in memory, or one that is loaded when its turn comes. */
export type Writable = Tensor | Initializer;

const order = Object.values(dtypeNames);

/**
 * The bytes of a safetensors file, piece by piece, so that a large file never lies in memory as a whole.
 *
 * Deterministic: tensors are sorted as the reference implementation sorts them (wide element types first, then by name in
 * UTF-8 order), so every tensor is aligned to its element size and the order of `tensors` does not matter. Metadata is
 * sorted by key (the reference leaves its order to chance). With at most one key the bytes equal the reference's.
 * @throws {ScopeError} usage for a name that cannot be written or appears twice; bug when `load` breaks its promise
 */
export function* safetensorsPieces(
  tensors: Iterable<readonly [string, Writable]>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const sorted = sortedTensors(tensors);
  const fields: string[] = [];
  const notes = Object.entries(metadata).toSorted(([a], [b]) => compareUtf8(a, b));
  if (notes.length > 0) {
    for (const note of notes) note.forEach((text) => checkText(text, "metadata"));
    fields.push(
      `"__metadata__":{${notes.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`).join(",")}}`,
    );
  }
  let offset = 0;
  for (const [name, value] of sorted) {
    const end = offset + byteLength(value);
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${dtypeName(value.dtype)}","shape":[${value.shape.join(",")}],"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  yield encodeHeader(`{${fields.join(",")}}`);
  for (const [name, value] of sorted) {
    const { data } = "load" in value ? value.load() : value;
    if (data.byteLength !== byteLength(value)) {
      throw new ScopeError(
        "bug",
        `internal: tensor "${name}" should have ${byteLength(value)} bytes, its data has ${data.byteLength}`,
      );
    }
    if (data.byteLength > 0) yield bytesUnder(data);
  }
}

/**
 * A safetensors file in memory. Same order and same bytes as `safetensorsPieces`.
 * @throws {ScopeError} usage for a name that cannot be written or appears twice
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, Writable]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const pieces = [...safetensorsPieces(tensors, metadata)];
  const out = new Uint8Array(pieces.reduce((total, piece) => total + piece.byteLength, 0));
  let offset = 0;
  for (const piece of pieces) {
    out.set(piece, offset);
    offset += piece.byteLength;
  }
  return out;
}

function sortedTensors(tensors: Iterable<readonly [string, Writable]>): (readonly [string, Writable])[] {
  const sorted = [...tensors].toSorted(
    ([a, x], [b, y]) => order.indexOf(x.dtype) - order.indexOf(y.dtype) || compareUtf8(a, b),
  );
  const seen = new Set<string>();
  for (const [name] of sorted) {
    checkText(name, "tensor name");
    if (name === "__metadata__")
      throw new ScopeError("usage", `a tensor cannot be called "__metadata__" in a safetensors file`);
    if (seen.has(name)) throw new ScopeError("usage", `two tensors to be written are called "${name}"`);
    seen.add(name);
  }
  return sorted;
}

/** Order of the UTF-8 bytes, which is the order of code points (and differs from JavaScript's order of code units). */
function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const p = Array.from(a, (character) => character.codePointAt(0)!);
  const q = Array.from(b, (character) => character.codePointAt(0)!);
  for (let i = 0; i < Math.min(p.length, q.length); i++) {
    const difference = p[i]! - q[i]!;
    if (difference !== 0) return difference;
  }
  return p.length - q.length;
}

function checkText(text: string, what: string): void {
  if (!text.isWellFormed())
    throw new ScopeError(
      "usage",
      `${what} ${JSON.stringify(text)} is not valid Unicode and cannot be written`,
    );
}

function byteLength(value: Writable): number {
  return sizeOf(value.shape) * bytesOf(value.dtype);
}

function encodeHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  // Padded with spaces to a multiple of 8, so that the data starts aligned for every element type.
  const size = Math.ceil(text.byteLength / 8) * 8;
  if (size > headerLimit) {
    throw new ScopeError(
      "usage",
      `the safetensors header would have ${size} bytes, at most ${headerLimit} are allowed`,
      {
        hint: "shorten the metadata",
      },
    );
  }
  const out = new Uint8Array(8 + size).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(size), true);
  out.set(text, 8);
  return out;
}
