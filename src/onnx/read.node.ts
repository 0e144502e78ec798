import { realpathSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import { ScopeError } from "../base/error.ts";
import { FileSource, fileError } from "../base/file.node.ts";
import type { Graph } from "../graph/graph.ts";
import { decodeModelFrom } from "./decode.ts";

/**
 * Opens an ONNX model (operator sets 13 to 22). Numbers larger than 64 KiB are not read now: an initializer's `load`
 * reads exactly its bytes, each time it is called, and fails when the file has changed since. No file stays open.
 *
 * External data must lie in the model's folder or below; links that lead out of it are refused. Every size is checked
 * against shape, type and file before memory is taken.
 * @throws {ScopeError} usage for a missing file, io when it cannot be read, format or unsupported for its content
 */
export async function readModel(path: string): Promise<Graph> {
  using source = new FileSource(path);
  const folder = new ModelFolder(dirname(path));
  try {
    return decodeModelFrom(source, path, (location, subject) => folder.file(location, subject));
  } finally {
    folder.close();
  }
}

/** The files beside a model, each opened once while the model is read. */
class ModelFolder {
  readonly #path: string;
  readonly #files = new Map<string, FileSource>();

  constructor(path: string) {
    this.#path = path;
  }

  file(location: string, subject: string): FileSource {
    const known = this.#files.get(location);
    if (known !== undefined) return known;
    const path = resolve(this.#path, location);
    let folder: string;
    let real: string;
    try {
      folder = realpathSync(this.#path);
      real = realpathSync(path);
    } catch (cause) {
      const { message, fault, hint } = fileError(path, "read", cause);
      throw new ScopeError(fault, `${subject}: its external data: ${message}`, { hint, cause });
    }
    const inside = relative(folder, real);
    if (inside === ".." || inside.startsWith(`..${sep}`) || resolve(inside) === inside) {
      throw new ScopeError(
        "format",
        `${subject}: its external data "${location}" is a link out of the model's folder`,
        {
          hint: "put the data file itself beside the model",
        },
      );
    }
    const source = new FileSource(real);
    this.#files.set(location, source);
    return source;
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
  }
}
