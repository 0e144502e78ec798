/** Bytes that can be had a part at a time: an array in memory, a file on disk. Reading is positional and stateless. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset` on. May share memory with the source: do not write to it.
   * The caller has checked that the range lies inside `size`.
   */
  read(offset: number, length: number): Uint8Array;
}

/** A source over bytes in memory. Reads share that memory. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return { size: bytes.byteLength, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The bytes of a typed array, sharing its memory. */
export function bytesUnder(data: {
  buffer: ArrayBufferLike;
  byteOffset: number;
  byteLength: number;
}): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * What bytes that begin like `head` (a hundred bytes or more) are, when they are a well-known kind of file that people
 * mistake for a model; else undefined. Only for error messages.
 */
export function recogniseFile(head: Uint8Array): { kind: string; hint?: string } | undefined {
  const text = String.fromCharCode(...head.subarray(0, 100));
  if (text.startsWith("version https://git-lfs")) {
    return {
      kind: "a Git LFS pointer, not the file itself",
      hint: "fetch the real file with `git lfs pull`",
    };
  }
  if (text.startsWith("PK\u0003\u0004")) {
    return {
      kind: "a zip archive (PyTorch's .pt files are such)",
      hint: "export the model to ONNX, its weights to safetensors",
    };
  }
  if (/^\s*<(!doctype|html|\?xml)/i.test(text))
    return { kind: "a web page", hint: "download the file itself, not the page that shows it" };
  if (text.startsWith("\u0089PNG")) return { kind: "a PNG image" };
  if (text.startsWith("\u001f\u008b")) return { kind: "gzip-compressed", hint: "unpack it first" };
  if (text.startsWith("GGUF")) return { kind: "a GGUF file" };
  if (text.startsWith("\u0089HDF")) return { kind: "an HDF5 file (Keras)" };
  if (text.slice(8, 10) === '{"') return { kind: "a safetensors file" };
  return undefined;
}
