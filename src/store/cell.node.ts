import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { ioError, systemCode } from "./disk.node.ts";
import { addressOf, checkSpec, isAddress, shortAddress } from "./spec.ts";
import type { Address, CellSpec } from "./spec.ts";

/** Names a cell's files may have: no folders, no hidden files, nothing a shell or another system trips over. */
export const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** What `done.json` says of one file. */
export interface FileRecord {
  /** Bytes. */
  readonly size: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

const doneSchema = z.strictObject({
  format: z.literal(1),
  address: z.string().refine(isAddress, "expected an address"),
  files: z.record(
    z.string().regex(fileName),
    z.strictObject({ size: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});

/** The content of `done.json`. It has no time, machine or cost in it: the same cell gives the same bytes anywhere. */
export type Done = z.infer<typeof doneSchema>;

// 1 MB holds some 8,000 files; a cell has about five. Larger is not ours.
const largestDone = 1_000_000;
// Specs, results and costs are small; what is large belongs into a safetensors file.
const largestJson = 256_000_000;

/**
 * Reads a cell folder's done-marker and compares the sizes it states with the files.
 * @returns the marker, or a sentence that says why the folder is not a finished cell
 * @throws {Error} the system's own, if the store can't be read
 */
export function readDone(folder: string, address: Address): Done | string {
  const path = join(folder, "done.json");
  const size = sizeOf(path);
  if (size === undefined) return "it has no done.json";
  if (size > largestDone) return `done.json has ${size} bytes, at most ${largestDone} are expected`;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (systemCode(error) !== undefined) throw error;
    return "done.json is not JSON";
  }
  const parsed = doneSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `done.json, at ${issue?.path.join(".") || "its top"}: ${issue?.message ?? "not a done-marker"}`;
  }
  const done = parsed.data;
  if (done.address !== address) return `done.json belongs to cell ${shortAddress(done.address)}`;
  for (const name of ["spec.json", "result.json"]) {
    if (!Object.hasOwn(done.files, name)) return `done.json does not list ${name}`;
  }
  for (const [name, record] of Object.entries(done.files)) {
    const found = sizeOf(join(folder, name));
    if (found === undefined) return `${name} is missing`;
    if (found !== record.size) return `${name} has ${found} bytes, done.json says ${record.size}`;
  }
  return done;
}

/** Bytes of a plain file, or undefined when there is none. */
function sizeOf(path: string): number | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : undefined;
}

/** SHA-256 of a file, read in pieces. */
export async function hashFile(path: string): Promise<FileRecord> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = piece as Buffer;
    size += bytes.length;
    hash.update(bytes);
  }
  return { size, sha256: hash.digest("hex") };
}

/** A finished cell: a folder of immutable files. */
export class Cell {
  readonly address: Address;
  /** The folder; for reading only. */
  readonly dir: string;
  /** The files by name, `cost.json` not among them. */
  readonly files: Readonly<Record<string, FileRecord>>;
  #spec: CellSpec | undefined;

  constructor(address: Address, dir: string, done: Done) {
    this.address = address;
    this.dir = dir;
    this.files = done.files;
  }

  /** What was computed. @throws {ScopeError} format, when the file doesn't belong to this address */
  get spec(): CellSpec {
    if (!this.#spec) {
      const spec = checkSpec(this.#json("spec.json"), undefined, join(this.dir, "spec.json"));
      if (addressOf(spec) !== this.address) throw this.#broken("spec.json is that of another cell");
      this.#spec = spec;
    }
    return this.#spec;
  }

  /** The result, as the kind returned it. @throws {ScopeError} format */
  result(): Json {
    return this.#json("result.json");
  }

  /** The lines of `metrics.jsonl`, in order; none when the cell recorded none. @throws {ScopeError} format */
  metrics(): Json[] {
    if (!Object.hasOwn(this.files, "metrics.jsonl")) return [];
    const lines = this.#text("metrics.jsonl").split("\n").slice(0, -1);
    return lines.map((line, i) => this.#parse(line, `metrics.jsonl, line ${i + 1}`));
  }

  /**
   * Path of one of the cell's files.
   * @throws {ScopeError} data, when the cell has no such file
   */
  file(name: string): string {
    if (Object.hasOwn(this.files, name)) return join(this.dir, name);
    throw new ScopeError("data", `cell ${shortAddress(this.address)} has no file "${name}"`, {
      hint: `it has ${Object.keys(this.files).join(", ")}`,
    });
  }

  /** What it took: seconds, machine, versions, when. Differs from run to run; undefined when it was not recorded. */
  cost(): { readonly [key: string]: Json } | undefined {
    if (sizeOf(join(this.dir, "cost.json")) === undefined) return undefined;
    const value = this.#json("cost.json");
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as { readonly [key: string]: Json })
      : undefined;
  }

  /**
   * Reads every byte again and compares it with `done.json`.
   * @returns what is wrong, one sentence each; nothing when the cell is intact
   */
  async verify(): Promise<string[]> {
    const problems: string[] = [];
    for (const [name, record] of Object.entries(this.files)) {
      const found = await hashFile(join(this.dir, name));
      if (found.size !== record.size)
        problems.push(`${name} has ${found.size} bytes, done.json says ${record.size}`);
      else if (found.sha256 !== record.sha256) problems.push(`${name} has other bytes than were published`);
    }
    for (const name of (await readdir(this.dir)).toSorted()) {
      if (name !== "done.json" && name !== "cost.json" && !Object.hasOwn(this.files, name)) {
        problems.push(`${name} is not listed in done.json`);
      }
    }
    try {
      void this.spec;
    } catch (error) {
      problems.push(ioError(error, "spec.json").message);
    }
    return problems;
  }

  #json(name: string): Json {
    return this.#parse(this.#text(name), name);
  }

  #text(name: string): string {
    const path = join(this.dir, name);
    const size = sizeOf(path) ?? 0;
    if (size > largestJson)
      throw this.#broken(`${name} has ${size} bytes, at most ${largestJson} are expected`);
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      throw ioError(error, `cannot read ${path}`);
    }
  }

  #parse(text: string, what: string): Json {
    try {
      return JSON.parse(text) as Json;
    } catch (error) {
      throw this.#broken(`${what} is not JSON`, error);
    }
  }

  #broken(finding: string, cause?: unknown): ScopeError {
    return new ScopeError("format", `cell ${this.dir}: ${finding}`, {
      hint: "remove the folder and run the study again: only this cell is computed anew",
      cause,
    });
  }
}
