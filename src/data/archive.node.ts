import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { Parser, type ReadEntry } from "tar";
import { ScopeError } from "../base/error.ts";

/** What to take out of an archive, and how much at most. */
export interface Wanted {
  /** Asked with the path inside the package: no leading "./" or "package/". */
  wants(path: string): boolean;
  readonly maxFileBytes: number;
  readonly maxBytes: number;
}

// 4 GB: thirty times the largest package we know; a stream that goes on longer is not one of ours.
const maxUnpackedBytes = 4e9;
const maxEntries = 200_000;

/**
 * Reads the wanted files of a package into memory. Nothing is written to disk, links and devices are passed over, and
 * paths are only ever keys of the map, so an archive cannot reach outside.
 * @throws {ScopeError} format, when the archive is broken; data, when it is larger than the limits
 */
export async function readPackage(
  path: string,
  kind: "npm" | "deb",
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<Map<string, Uint8Array>> {
  if (kind === "npm") return readTar(createReadStream(path), true, wanted, path, signal);
  const child = spawn("dpkg-deb", ["--fsys-tarfile", path], { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => (complaint = (complaint + text.toString()).slice(0, 500)));
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  try {
    const [files, status] = await Promise.all([readTar(child.stdout, false, wanted, path, signal), closed]);
    if (status !== 0)
      throw new ScopeError("format", `${path}: dpkg-deb could not unpack it: ${complaint.trim()}`);
    return files;
  } catch (cause) {
    child.kill();
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      throw new ScopeError("data", "dpkg-deb was not found, and this data set comes as a Debian package", {
        cause,
      });
    }
    throw cause;
  }
}

/** Reads the wanted files of a tar stream. @throws {ScopeError} as `readPackage` */
export async function readTar(
  source: Readable,
  gzip: boolean,
  wanted: Wanted,
  where: string,
  signal?: AbortSignal,
): Promise<Map<string, Uint8Array>> {
  const { maxFileBytes, maxBytes } = wanted;
  const files = new Map<string, Uint8Array>();
  let entries = 0;
  let kept = 0;
  let refusal: ScopeError | undefined;
  const take = (entry: ReadEntry): void => {
    entries++;
    const name = entry.path.replace(/^\.\//, "").replace(/^package\//, "");
    if (entries > maxEntries) refusal ??= tooLarge(where, `more than ${maxEntries} entries`);
    if (refusal !== undefined || entry.type !== "File" || !wanted.wants(name)) {
      entry.resume();
      return;
    }
    if (entry.size > maxFileBytes || kept + entry.size > maxBytes) {
      refusal = tooLarge(
        where,
        `${name} has ${entry.size} bytes, with ${maxFileBytes} for one file and ${maxBytes} for all`,
      );
      entry.resume();
      return;
    }
    kept += entry.size;
    const parts: Buffer[] = [];
    entry.on("data", (part) => parts.push(part));
    entry.on("end", () => files.set(name, Buffer.concat(parts)));
  };
  const parser = new Parser({ strict: true, onReadEntry: take });
  const broken = new Promise<never>((_, reject) => parser.on("error", reject));
  const ended = new Promise<void>((resolve) => parser.on("end", resolve));
  let unpacked = 0;
  const feed = new Transform({
    transform(chunk: Buffer, _, done) {
      unpacked += chunk.length;
      if (unpacked > maxUnpackedBytes)
        refusal ??= tooLarge(where, `it unpacks to more than ${maxUnpackedBytes} bytes`);
      if (refusal !== undefined) done(refusal);
      else if (parser.write(chunk)) done();
      else parser.once("drain", () => done());
    },
    flush(done) {
      parser.end();
      done();
    },
  });
  feed.resume();
  const options = signal === undefined ? {} : { signal };
  const flow = gzip ? pipeline(source, createGunzip(), feed, options) : pipeline(source, feed, options);
  try {
    await Promise.race([Promise.all([flow, ended]), broken]);
  } catch (cause) {
    source.destroy();
    if (signal?.aborted === true)
      throw new ScopeError("cancelled", `reading ${where} was stopped`, { cause });
    // What we refused comes first: that the rest then does not fit together is a consequence.
    if (refusal !== undefined) throw refusal;
    throw new ScopeError("format", `${where}: the archive is broken (${String((cause as Error).message)})`, {
      cause,
    });
  }
  if (refusal !== undefined) throw refusal;
  return files;
}

function tooLarge(where: string, finding: string): ScopeError {
  return new ScopeError("data", `${where}: the archive is larger than allowed: ${finding}`);
}
