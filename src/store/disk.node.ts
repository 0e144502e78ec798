import { makeFolders } from "../base/folder.node.ts";
import { randomUUID } from "node:crypto";
import { open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ScopeError } from "../base/error.ts";

/** Names of half-written files begin so; they are never part of a cell and may be deleted by whoever owns the folder. */
export const temporaryPrefix = ".tmp-";

const reasons: Readonly<Record<string, readonly [finding: string, hint: string | undefined]>> = {
  ENOSPC: [
    "no space left on the device",
    "free some space, then run the same command again; finished cells are kept",
  ],
  EDQUOT: [
    "the disk quota is used up",
    "free some space, then run the same command again; finished cells are kept",
  ],
  EROFS: ["the file system is read-only", "choose a writable folder with --store"],
  EACCES: ["permission denied", "check who owns the folder, or choose another with --store"],
  EPERM: ["operation not permitted", "check who owns the folder, or choose another with --store"],
  EMFILE: ["too many open files", "raise the limit with `ulimit -n`"],
  EIO: ["the device reports a read or write error", "check the disk"],
  ENOENT: ["a file or folder on the way does not exist", undefined],
  EEXIST: ["a file is in the way where a folder is needed", undefined],
  ENOTDIR: ["a file is in the way where a folder is needed", undefined],
};

/** The operating system's code (`ENOSPC`) in an error or among its causes, if there is one. */
export function systemCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ("code" in at && typeof at.code === "string" && /^E[A-Z0-9]+$/.test(at.code)) return at.code;
  }
  return undefined;
}

/** Is the whole store unusable for writing (full, read-only), so that trying another cell is pointless? */
export function isStoreWide(code: string | undefined): boolean {
  return code === "ENOSPC" || code === "EDQUOT" || code === "EROFS";
}

/** Turns a failed file operation into one sentence, "`doing`: why"; a ScopeError passes through unchanged. */
export function ioError(error: unknown, doing: string): ScopeError {
  if (error instanceof ScopeError) return error;
  const [finding, hint] = reasons[systemCode(error) ?? ""] ?? [
    error instanceof Error ? error.message : String(error),
    undefined,
  ];
  return new ScopeError("io", `${doing}: ${finding}`, { hint, cause: error });
}

/** Makes what was created, renamed or removed in a folder survive a power failure. Not every system can; those don't. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Windows and some network file systems refuse to sync a folder; there is nothing better to do there.
    if (!["EINVAL", "EPERM", "EISDIR", "ENOTSUP", "EBADF"].includes(systemCode(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** Makes a file's bytes survive a power failure. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file whose parts mean nothing yet: it is synced, and vouched for, later. */
export async function writePlain(path: string, bytes: string | Uint8Array): Promise<void> {
  await writeFile(path, bytes);
}

/**
 * Writes a file so that at every moment, also after a crash or a power failure, its name shows the old bytes, the new
 * bytes or nothing, and never a part.
 */
export async function writeWhole(path: string, bytes: string | Uint8Array): Promise<void> {
  const folder = dirname(path);
  // A name of its own: two processes may write the same file, with the same content, at once.
  const temporary = join(
    folder,
    `${temporaryPrefix}${path.slice(folder.length + 1)}-${randomUUID().slice(0, 8)}`,
  );
  try {
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // On a full disk every byte counts.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

/** Makes a folder and its parents; the new names survive a power failure. */
export async function makeFolder(path: string): Promise<void> {
  const first = await makeFolders(path);
  if (first !== undefined) await syncFolder(dirname(first));
}
