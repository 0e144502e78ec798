import { FileSource } from "../base/file.node.ts";
import { decodeSafetensorsFrom, type Safetensors } from "./decode.ts";

/**
 * Opens a safetensors file: reads and checks its header. A tensor's `load` reads exactly that tensor's bytes, each time
 * it is called; it fails when the file has changed since. No file stays open in between.
 * @throws {ScopeError} usage when there is no such file, io when it cannot be read, format or unsupported for its content
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  using source = new FileSource(path);
  return decodeSafetensorsFrom(source, path);
}
