import { writeWhole } from "../base/file.node.ts";
import { safetensorsPieces, type Writable } from "./encode.ts";

/**
 * Writes a safetensors file whole or not at all (temporary file, flush to disk, rename). Order and bytes are those of
 * `safetensorsPieces`. Lazy tensors are loaded one at a time.
 * @throws {ScopeError} usage when the file exists and `overwrite` is not set, or for an impossible name; io when writing fails
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, Writable]>,
  metadata: Readonly<Record<string, string>> = {},
  options: { overwrite?: boolean } = {},
): Promise<void> {
  await writeWhole(path, safetensorsPieces(tensors, metadata), options);
}
