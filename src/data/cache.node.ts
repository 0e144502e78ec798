import { makeFolders } from "../base/folder.node.ts";
import { mkdtemp, open, readFile, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { canonical } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { sha256 } from "./images.node.ts";
import { openPrepared, writePrepared, type PreparedFile } from "./prepared.node.ts";
import { stopIfAborted } from "./stop.ts";
import type { DataEnv, Dataset, PreparedInfo } from "./types.ts";

/** Where prepared sets are kept unless told otherwise: $TRANSFERSCOPE_CACHE, else transferscope in the user's cache. */
export function defaultCache(): string {
  const { TRANSFERSCOPE_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  if (own !== undefined && own !== "") return resolve(own);
  return join(xdg !== undefined && xdg !== "" ? xdg : join(homedir(), ".cache"), "transferscope");
}

/** A prepared file's path: a new version of the package or of the decoder makes a new file. */
export function preparedPath(cache: string, name: string, key: unknown): string {
  return join(cache, "data", `${name}-${sha256(new TextEncoder().encode(canonical(key))).slice(0, 16)}.bin`);
}

/** What is known of a prepared file. */
export function infoOf(
  file: PreparedFile,
  path: string,
  cached: boolean,
  fingerprint?: string,
): PreparedInfo {
  const { name, classes, channels, height, width, train, test, warnings } = file.header;
  const unlike = fingerprint !== undefined && fingerprint !== file.fingerprint;
  return {
    name,
    path,
    sizeBytes: file.sizeBytes,
    fingerprint: file.fingerprint,
    classes,
    channels,
    height,
    width,
    counts: { train: train.perClass, test: test.perClass },
    cached,
    warnings: unlike
      ? [...warnings, `decoded to other bytes than on the machine of reference (fingerprint ${fingerprint})`]
      : warnings,
  };
}

/** Opens a prepared file if there is a sound one; a damaged one counts as none. */
export async function openIfSound(path: string): Promise<PreparedFile | undefined> {
  try {
    return await openPrepared(path);
  } catch (error) {
    if (error instanceof ScopeError && (error.fault === "format" || isMissing(error.cause))) return undefined;
    throw error;
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
}

/** A prepared file, open, where it is, and whether it was there before. */
export interface Opened {
  readonly file: PreparedFile;
  readonly path: string;
  readonly cached: boolean;
}

/** What a maker hands over to be written. */
export interface Made {
  readonly set: Dataset;
  readonly origin: string;
  readonly warnings: readonly string[];
}

/**
 * Opens the prepared file at `path`, making it first if it is missing or damaged: `make` gets a folder of its own for
 * temporary files; what it returns is written beside it and renamed into place.
 * @throws {ScopeError} io, when the cache cannot be written, and what `make` throws
 */
export async function openOrMake(
  path: string,
  name: string,
  env: DataEnv,
  make: (folder: string) => Promise<Made>,
): Promise<Opened> {
  const before = await openIfSound(path);
  if (before !== undefined) return { file: before, path, cached: true };
  stopIfAborted(env.signal, `preparing ${name}`);
  try {
    await makeFolders(join(env.cache, "data"));
    await makeFolders(join(env.cache, "tmp"));
    await sweepOld(join(env.cache, "tmp"));
    const lock = await takeLock(`${path}.lock`, name, env);
    try {
      // Another process may have finished while this one waited for the lock.
      const meanwhile = await openIfSound(path);
      if (meanwhile !== undefined) return { file: meanwhile, path, cached: true };
      const folder = await mkdtemp(join(env.cache, "tmp", "prepare-"));
      try {
        const made = await make(folder);
        stopIfAborted(env.signal, `preparing ${name}`);
        env.onProgress?.({ what: `writing ${name}`, done: 0, total: 1, unit: "files" });
        await writePrepared(join(folder, "set.bin"), made.set, made.origin, made.warnings);
        await rename(join(folder, "set.bin"), path);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    } finally {
      await lock.release();
    }
  } catch (cause) {
    if (cause instanceof ScopeError) throw cause;
    if (cause instanceof Error && "code" in cause && "syscall" in cause) {
      const full = cause.code === "ENOSPC";
      throw new ScopeError(
        "io",
        `preparing ${name} in ${env.cache}: ${full ? "the disk is full" : cause.message}`,
        {
          cause,
          hint: "name another folder with TRANSFERSCOPE_CACHE",
        },
      );
    }
    throw cause;
  }
  return { file: await openPrepared(path), path, cached: false };
}

// A lock's holder renews it every 2 s; after 30 s without, its process is taken for dead.
const renewMs = 2000;
const staleMs = 30_000;

/**
 * One process prepares a set while the others wait. The lock only saves work: were two to hold it, both would write
 * the same bytes and rename them into place.
 */
async function takeLock(path: string, name: string, env: DataEnv): Promise<{ release(): Promise<void> }> {
  for (;;) {
    stopIfAborted(env.signal, `waiting for another process that prepares ${name}`);
    try {
      const handle = await open(path, "wx");
      await handle.writeFile(JSON.stringify({ host: hostname(), process: process.pid }));
      await handle.close();
      const timer = setInterval(() => {
        const now = new Date();
        // A lock that was taken away is no reason to stop: the work ends in a rename all the same.
        utimes(path, now, now).catch(() => undefined);
      }, renewMs);
      timer.unref();
      return {
        async release() {
          clearInterval(timer);
          await rm(path, { force: true });
        },
      };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    if (await isAbandoned(path)) await rm(path, { force: true });
    else {
      env.onProgress?.({ what: `waiting for another process that prepares ${name}`, done: 0, unit: "files" });
      await pause(200);
    }
  }
}

/** Whether a lock's holder is gone: its process on this machine has ended, or it has not renewed the lock for long. */
async function isAbandoned(path: string): Promise<boolean> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > staleMs) return true;
    const holder: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof holder !== "object" || holder === null || !("host" in holder) || !("process" in holder))
      return false;
    if (holder.host !== hostname() || typeof holder.process !== "number") return false;
    process.kill(holder.process, 0);
    return false;
  } catch (error) {
    // ESRCH: no such process. Any other failure (the lock was just released, or is half written) is looked at again.
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

/** Removes temporary folders that a killed process left more than a day ago. */
async function sweepOld(folder: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    const path = join(folder, entry);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > 86_400_000) await rm(path, { recursive: true, force: true });
  }
}
