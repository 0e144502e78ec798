import { type ByteSource, memorySource, recogniseFile } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";
import type { Initializer } from "../graph/graph.ts";
import { tensor, viewBytes } from "../tensor/tensor.ts";
import { decodeHeader, headerLimit } from "./header.ts";

/** The contents of a safetensors file. Numbers are read when a tensor's `load` is called, and again at each call. */
export interface Safetensors {
  /** By name, in the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, Initializer>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a safetensors file from memory. `load` shares that memory where alignment allows: do not write to it.
 * @param where the file's name, for messages
 * @throws {ScopeError} format or unsupported, naming file and tensor
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  return decodeSafetensorsFrom(memorySource(bytes), where);
}

/**
 * Reads a safetensors file from a source of bytes; only the header is read now.
 * @throws {ScopeError} format or unsupported, naming file and tensor
 */
export function decodeSafetensorsFrom(source: ByteSource, where: string): Safetensors {
  const headerSize = readHeaderSize(source, where);
  const start = 8 + headerSize;
  const { entries, metadata } = decodeHeader(source.read(8, headerSize), source.size - start, where);
  const tensors = new Map(
    entries.map(({ name, dtype, shape, begin, end }): [string, Initializer] => {
      const load = () => tensor(dtype, shape, viewBytes(dtype, source.read(start + begin, end - begin)));
      return [name, { name, dtype, shape, load }];
    }),
  );
  return { tensors, metadata };
}

function readHeaderSize(source: ByteSource, where: string): number {
  if (source.size < 8) {
    throw new ScopeError(
      "format",
      `${where}: not a safetensors file: it has ${source.size} bytes, at least 8 are needed`,
    );
  }
  const size = new DataView(source.read(0, 8).slice().buffer).getBigUint64(0, true);
  if (size <= BigInt(headerLimit) && Number(size) <= source.size - 8) return Number(size);
  const known = recogniseFile(source.read(0, Math.min(source.size, 128)));
  if (known !== undefined)
    throw new ScopeError("format", `${where}: not a safetensors file but ${known.kind}`, {
      hint: known.hint,
    });
  if (size > BigInt(headerLimit)) {
    throw new ScopeError(
      "format",
      `${where}: not a safetensors file: its header would have ${size} bytes, at most ${headerLimit} are allowed`,
    );
  }
  throw new ScopeError(
    "format",
    `${where}: the header claims ${size} bytes, the file has ${source.size - 8} after the length`,
  );
}
