import { makeFolders } from "./folder.node.ts";
import { randomUUID } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type FileHandle, link, lstat, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ByteSource } from "./bytes.ts";
import { ScopeError } from "./error.ts";

// One read system call returns at most 2^31 - 4096 bytes on Linux.
const readChunk = 2 ** 30;

/**
 * A file read by position. Between `open` and `close` one descriptor serves all reads; after `close`, each read opens
 * the file again for its own duration and first makes sure that it is still the same file, unchanged.
 */
export class FileSource implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly #identity: string;
  #descriptor: number | undefined;

  /** @throws {ScopeError} usage when there is no such file or it is none, io when it cannot be read */
  constructor(path: string) {
    this.path = path;
    this.#descriptor = openFile(path);
    try {
      const stats = fstatSync(this.#descriptor);
      if (!stats.isFile())
        throw new ScopeError(
          "usage",
          `${path}: is ${stats.isDirectory() ? "a folder" : "a device or pipe"}, not a file`,
        );
      this.size = stats.size;
      this.#identity = identity(stats);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @throws {ScopeError} io, when the file has changed since it was opened, or cannot be read */
  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new ScopeError(
        "bug",
        `internal: ${this.path}: bytes ${offset} to ${offset + length} were asked for, the file has ${this.size}`,
      );
    }
    if (this.#descriptor !== undefined) return readAt(this.path, this.#descriptor, offset, length);
    const descriptor = openFile(this.path);
    try {
      if (identity(fstatSync(descriptor)) !== this.#identity) {
        throw new ScopeError("io", `${this.path}: the file has changed since it was opened`, {
          hint: "open it again",
        });
      }
      return readAt(this.path, descriptor, offset, length);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Lets go of the descriptor. The source stays usable. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function identity(stats: Stats): string {
  return [stats.dev, stats.ino, stats.size, stats.mtimeMs].join();
}

function openFile(path: string): number {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer, for ever (Windows has neither).
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    throw fileError(path, "read", cause);
  }
}

function readAt(path: string, descriptor: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    let count: number;
    try {
      count = readSync(descriptor, bytes, done, Math.min(readChunk, length - done), offset + done);
    } catch (cause) {
      throw fileError(path, "read", cause);
    }
    if (count === 0)
      throw new ScopeError(
        "io",
        `${path}: the file ends at byte ${offset + done}, it was longer when it was opened`,
      );
    done += count;
  }
  return bytes;
}

/** A failed file operation as one sentence. */
export function fileError(path: string, verb: "read" | "write", cause: unknown): ScopeError {
  if (cause instanceof ScopeError) return cause;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  switch (code) {
    case "ENOENT":
      return new ScopeError("usage", verb === "read" ? `${path}: no such file` : `${path}: no such folder`, {
        cause,
      });
    case "ENOTDIR":
      return new ScopeError("usage", `${path}: a part of this path is a file, not a folder`, { cause });
    case "EISDIR":
      return new ScopeError("usage", `${path}: is a folder, not a file`, { cause });
    case "EEXIST":
      return alreadyThere(path, cause);
    case "ENOSPC":
    case "EDQUOT":
      return new ScopeError("io", `${path}: cannot write, no space is left`, {
        cause,
        hint: "make room, then run the same command again",
      });
    case "EACCES":
    case "EPERM":
      return new ScopeError("io", `${path}: not allowed to ${verb}`, { cause });
    case "EROFS":
      return new ScopeError("io", `${path}: cannot write, the file system is read-only`, { cause });
    default:
      return new ScopeError(
        "io",
        `${path}: cannot ${verb}: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
  }
}

function alreadyThere(path: string, cause?: unknown): ScopeError {
  return new ScopeError("usage", `${path}: already exists`, {
    cause,
    hint: "choose another name, or allow overwriting",
  });
}

/** A file that is complete and safe on disk under a temporary name, waiting to get its own. */
export interface StagedFile {
  /** Gives it its name. Atomic: at no moment is there half a file under that name. */
  commit(): Promise<void>;
  /** Removes it. Does nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * Writes `chunks` to a temporary file beside `path` and flushes it to disk. The folder is made when missing.
 * @throws {ScopeError} usage when `path` exists and may not be overwritten, io when writing fails (nothing is left behind)
 */
export async function stageFile(
  path: string,
  chunks: Iterable<Uint8Array>,
  options: { overwrite?: boolean } = {},
): Promise<StagedFile> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  const overwrite = options.overwrite === true;
  let file: FileHandle | undefined;
  let waiting = false;
  const discard = async (): Promise<void> => {
    if (waiting) await rm(temporary, { force: true });
    waiting = false;
  };
  try {
    if (!overwrite && (await exists(path))) throw alreadyThere(path);
    await makeFolders(folder);
    file = await open(temporary, "wx");
    waiting = true;
    for (const chunk of chunks) await writeAll(file, chunk);
    await file.sync();
    await file.close();
    file = undefined;
  } catch (cause) {
    await file?.close().catch(() => undefined);
    await discard().catch(() => undefined);
    throw fileError(path, "write", cause);
  }
  return {
    discard,
    async commit() {
      try {
        await name(temporary, path, overwrite);
        waiting = false;
        await syncFolder(folder);
      } catch (cause) {
        await discard().catch(() => undefined);
        throw fileError(path, "write", cause);
      }
    },
  };
}

/**
 * Writes a file whole or not at all: temporary file, flush to disk, rename, flush the folder.
 * @throws {ScopeError} usage when `path` exists and may not be overwritten, io when writing fails (nothing is left behind)
 */
export async function writeWhole(
  path: string,
  chunks: Iterable<Uint8Array>,
  options: { overwrite?: boolean } = {},
): Promise<void> {
  const staged = await stageFile(path, chunks, options);
  await staged.commit();
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let done = 0;
  while (done < chunk.byteLength) {
    const { bytesWritten } = await file.write(chunk, done, Math.min(readChunk, chunk.byteLength - done));
    done += bytesWritten;
  }
}

async function name(temporary: string, path: string, overwrite: boolean): Promise<void> {
  if (overwrite) return rename(temporary, path);
  try {
    // A hard link, unlike a rename, refuses to replace a file that appeared in the meantime.
    await link(temporary, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || (await exists(path))) throw alreadyThere(path, error);
    // Some file systems have no hard links.
    return rename(temporary, path);
  }
  await rm(temporary);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Makes a rename in `folder` durable, where the system can (Windows cannot open folders). */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } catch {
    // The file itself is on disk; only the durability of its name is left to the system.
  } finally {
    await handle?.close();
  }
}
