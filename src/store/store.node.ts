import { makeFolders } from "../base/folder.node.ts";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ScopeError } from "../base/error.ts";
import { Attempt, moveIntoPlace, removeWork } from "./attempt.node.ts";
import { Cell, hashFile, readDone } from "./cell.node.ts";
import type { Done } from "./cell.node.ts";
import { ioError, makeFolder, systemCode, temporaryPrefix, writePlain, writeWhole } from "./disk.node.ts";
import { readFailures, writeFailure } from "./failure.node.ts";
import type { Failure, FailureRecord } from "./failure.node.ts";
import { Busy, currentHolder, takeLease } from "./lease.node.ts";
import { addressOf, isAddress, shortAddress, specText } from "./spec.ts";
import type { Address, CellSpec } from "./spec.ts";

/** The layout this program reads and writes; `store.json` states it. */
const format = 1;

/** How a store is opened. */
export interface StoreOptions {
  /** Refuse all writing. A folder that can't be written to is opened so by itself. */
  readonly readOnly?: boolean;
  /** How often a running attempt shows life. Default 10 s. */
  readonly heartbeatMs?: number;
  /**
   * After how long without life a cell is taken from a process on another machine. Default 120 s. On the same machine the
   * process itself is asked for, and no time passes.
   */
  readonly staleAfterMs?: number;
}

/** What `begin` found: work to do, a cell already finished, or somebody else at work. */
export type Begun =
  | { readonly state: "begun"; readonly attempt: Attempt }
  | { readonly state: "done"; readonly cell: Cell }
  | { readonly state: "busy"; readonly by: Busy };

/**
 * Opens a store: a plain folder of finished cells (layout: docs/store.md). A folder that doesn't exist, or is empty,
 * becomes one.
 * @throws {ScopeError} usage, when the folder holds something else; unsupported, when another release made it; io
 */
export async function openStore(path: string, options: StoreOptions = {}): Promise<Store> {
  const root = resolve(path);
  try {
    if (!existsSync(join(root, "store.json"))) {
      if (options.readOnly) {
        throw new ScopeError("usage", `${root} is not a store: it has no store.json`, {
          hint: "check --store",
        });
      }
      await makeFolder(root);
      const others = (await readdir(root)).filter((name) => !name.startsWith("."));
      if (others.length > 0 && !existsSync(join(root, "store.json"))) {
        throw new ScopeError(
          "usage",
          `${root} is not a store: it has no store.json, but holds ${others[0]}`,
          {
            hint: "give --store a folder that is empty or does not exist yet",
          },
        );
      }
      await writeWhole(
        join(root, "store.json"),
        `${JSON.stringify({ what: "transferscope store", format })}\n`,
      );
    }
    checkFormat(root, readFileSync(join(root, "store.json"), "utf8"));
    const readOnly = options.readOnly === true || !isWritable(root);
    if (!readOnly) for (const room of ["cells", "work", "failed"]) await makeFolders(join(root, room));
    return new Store(root, readOnly, options.heartbeatMs ?? 10_000, options.staleAfterMs ?? 120_000);
  } catch (error) {
    throw ioError(error, `cannot open store ${root}`);
  }
}

function isWritable(root: string): boolean {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function checkFormat(root: string, text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ScopeError("format", `${join(root, "store.json")} is not JSON`, { cause: error });
  }
  const found = typeof value === "object" && value !== null && "format" in value ? value.format : undefined;
  if (found !== format) {
    throw new ScopeError(
      "unsupported",
      `store ${root} has layout ${JSON.stringify(found)}, this program knows layout ${format}`,
      {
        hint: "use the release of transferscope that made the store, or another --store",
      },
    );
  }
}

/** An open store. Any number of processes may have the same store open. */
export class Store {
  /** Absolute path of the folder. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly heartbeatMs: number;
  readonly staleAfterMs: number;

  /** Use `openStore`. */
  constructor(path: string, readOnly: boolean, heartbeatMs: number, staleAfterMs: number) {
    this.path = path;
    this.readOnly = readOnly;
    this.heartbeatMs = heartbeatMs;
    this.staleAfterMs = staleAfterMs;
  }

  /** Is the cell finished, with all its files in place? (Their sizes are compared, not their bytes: see `verify`.) */
  has(address: Address): Promise<boolean> {
    return this.#reading(address, (done) => typeof done !== "string");
  }

  /**
   * A finished cell.
   * @throws {ScopeError} data, when it isn't in the store; format, when its folder is incomplete; io
   */
  get(address: Address): Promise<Cell> {
    return this.#reading(address, (done, dir) => {
      if (typeof done !== "string") return new Cell(address, dir, done);
      if (!existsSync(dir))
        throw new ScopeError("data", `cell ${shortAddress(address)} is not in store ${this.path}`);
      throw new ScopeError("format", `cell ${dir} is not whole: ${done}`, {
        hint: "was the store copied only in part? Run the study again: only this cell is computed anew",
      });
    });
  }

  /** Addresses of all finished cells, in order. Holds one 256th of the names in memory at a time. */
  async *list(): AsyncGenerator<Address, void, undefined> {
    for (const shelf of await this.#names("cells", /^[0-9a-f]{2}$/)) {
      for (const address of await this.#names(join("cells", shelf), /^[0-9a-f]{64}$/)) {
        if (address.startsWith(shelf) && (await this.has(address))) yield address;
      }
    }
  }

  /**
   * The full address that begins with these digits, of a cell that is finished, failed or begun.
   * @throws {ScopeError} usage, when no cell's address does, or more than one
   */
  async find(beginning: string): Promise<Address> {
    if (!/^[0-9a-f]{2,64}$/.test(beginning)) {
      throw new ScopeError(
        "usage",
        `"${beginning}" is not the beginning of an address: expected 2 to 64 of the digits 0-9, a-f`,
      );
    }
    const found = new Set<Address>();
    for (const folder of [join("cells", beginning.slice(0, 2)), "failed", "work"]) {
      for (const address of await this.#names(folder, /^[0-9a-f]{64}$/)) {
        if (address.startsWith(beginning)) found.add(address);
      }
    }
    const [first] = found;
    if (first !== undefined && found.size === 1) return first;
    throw new ScopeError(
      "usage",
      first === undefined
        ? `no cell of store ${this.path} has an address beginning with ${beginning}`
        : `${found.size} cells of store ${this.path} have addresses beginning with ${beginning}`,
      { hint: first === undefined ? "see `transferscope runs list`" : "give more digits" },
    );
  }

  /** Checks every byte of a cell. @returns what is wrong, one sentence each; nothing when it is intact */
  async verify(address: Address): Promise<string[]> {
    return await this.#reading(address, async (done, dir) =>
      typeof done === "string" ? [done] : await new Cell(address, dir, done).verify(),
    );
  }

  /** Who computes this cell at the moment, if anybody does. */
  async holder(address: Address): Promise<Busy | undefined> {
    try {
      return await currentHolder(this.#work(address), this.staleAfterMs);
    } catch (error) {
      throw ioError(error, `store ${this.path}: cannot read the lease of cell ${shortAddress(address)}`);
    }
  }

  /**
   * Begins the work on a cell, or goes on where an earlier attempt stopped. At most one process has a cell at a time.
   * @throws {ScopeError} io, when the store can't be written to
   */
  async begin(spec: CellSpec): Promise<Begun> {
    const address = addressOf(spec);
    try {
      if (await this.has(address)) return { state: "done", cell: await this.get(address) };
      this.requireWritable(`begin cell ${shortAddress(address)} (${spec.kind})`);
      return await this.#begin(address, spec);
    } catch (error) {
      throw ioError(error, `store ${this.path}: cannot begin cell ${shortAddress(address)} (${spec.kind})`);
    }
  }

  async #begin(address: Address, spec: CellSpec): Promise<Begun> {
    const folder = this.#work(address);
    for (;;) {
      const lease = await takeLease(folder, this.staleAfterMs);
      if (lease instanceof Busy) return { state: "busy", by: lease };
      // Asked again: its former holder may have finished it between the first question and the lease.
      if (await this.has(address)) {
        await lease.close();
        await removeWork(folder);
        return { state: "done", cell: await this.get(address) };
      }
      try {
        const dir = join(folder, `attempt-${lease.generation}`);
        const resumed = await adoptFiles(folder, lease.generation);
        const target = this.#target(address);
        if (resumed && (await isSealed(dir, address))) {
          // The former holder died between sealing the cell and moving it: nothing is left to compute.
          const cell = await moveIntoPlace(dir, target, address);
          await lease.close();
          await removeWork(folder);
          return { state: "done", cell };
        }
        await rm(join(dir, "done.json"), { force: true });
        await writePlain(join(dir, "spec.json"), specText(spec));
        const attempt = new Attempt(
          {
            address,
            spec,
            store: this.path,
            dir,
            target,
            resumed,
            heartbeatMs: this.heartbeatMs,
            recordFailure: (failure) => this.recordFailure(spec, failure),
          },
          lease,
        );
        return { state: "begun", attempt };
      } catch (error) {
        const held = await lease.isHeld();
        await lease.release().catch(() => undefined);
        // Taken over already, or the folder went away because the cell was finished: look again.
        if (held || systemCode(error) !== "ENOENT") throw error;
      }
    }
  }

  /** Keeps the reason why an attempt at a cell failed. @throws {ScopeError} io */
  async recordFailure(spec: CellSpec, failure: Failure): Promise<void> {
    const address = addressOf(spec);
    try {
      await writeFailure(join(this.path, "failed", address), spec, failure);
    } catch (error) {
      throw ioError(error, `store ${this.path}: cannot record why cell ${shortAddress(address)} failed`);
    }
  }

  /** Why attempts at this cell failed, oldest first; also those of a cell that was finished later. */
  async failures(address: Address): Promise<FailureRecord[]> {
    if (!isAddress(address)) return [];
    try {
      return await readFailures(join(this.path, "failed", address));
    } catch (error) {
      throw ioError(error, `store ${this.path}: cannot read the failures of cell ${shortAddress(address)}`);
    }
  }

  /** Addresses of cells that failed and are not finished, in order. */
  async failed(): Promise<Address[]> {
    const failed: Address[] = [];
    for (const address of await this.#names("failed", /^[0-9a-f]{64}$/)) {
      if (!(await this.has(address))) failed.push(address);
    }
    return failed;
  }

  /** Addresses of cells that were begun and are not finished, in order. */
  async unfinished(): Promise<Address[]> {
    const begun: Address[] = [];
    for (const address of await this.#names("work", /^[0-9a-f]{64}$/))
      if (!(await this.has(address))) begun.push(address);
    return begun;
  }

  /** Removes work folders that a crash left behind although their cells are finished. Safe at any time. */
  async tidy(): Promise<void> {
    this.requireWritable("tidy up");
    for (const address of await this.#names("work", /^[0-9a-f]{64}$/)) {
      if (!(await this.has(address)) || (await this.holder(address))) continue;
      await removeWork(this.#work(address));
    }
  }

  /** @throws {ScopeError} io, when this store is read-only: one sentence that says what could not be done */
  requireWritable(purpose: string): void {
    if (!this.readOnly) return;
    throw new ScopeError("io", `store ${this.path} is read-only: cannot ${purpose}`, {
      hint: "choose a writable folder with --store",
    });
  }

  #target(address: Address): string {
    return join(this.path, "cells", address.slice(0, 2), address);
  }

  #work(address: Address): string {
    this.#requireAddress(address);
    return join(this.path, "work", address);
  }

  #requireAddress(address: Address): void {
    if (!isAddress(address)) {
      throw new ScopeError("usage", `"${address}" is not an address: expected 64 of the digits 0-9, a-f`);
    }
  }

  // eslint-disable-next-line require-await -- async, so that what `read` throws rejects
  async #reading<T>(
    address: Address,
    read: (done: Done | string, dir: string) => T | Promise<T>,
  ): Promise<T> {
    this.#requireAddress(address);
    const dir = this.#target(address);
    try {
      return await read(readDone(dir, address), dir);
    } catch (error) {
      throw ioError(error, `store ${this.path}: cannot read cell ${shortAddress(address)}`);
    }
  }

  /** The names in a folder of the store that look as they should, in order; none when the folder doesn't exist. */
  async #names(folder: string, form: RegExp): Promise<string[]> {
    try {
      return (await readdir(join(this.path, folder))).filter((name) => form.test(name)).toSorted();
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return [];
      throw ioError(error, `store ${this.path}: cannot list ${folder}`);
    }
  }
}

/**
 * Gives an earlier attempt's folder the name of this generation, or makes an empty one.
 * @returns whether there was one
 */
async function adoptFiles(folder: string, generation: number): Promise<boolean> {
  const dir = join(folder, `attempt-${generation}`);
  // Only lower numbers: a higher one belongs to a process that has taken the cell from this one.
  const earlier = (await readdir(folder))
    .flatMap((name) => /^attempt-([1-9][0-9]{0,8})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter((number) => number < generation)
    .toSorted((a, b) => b - a);
  if (earlier[0] === undefined) {
    await mkdir(dir);
    return false;
  }
  await rename(join(folder, `attempt-${earlier[0]}`), dir);
  for (const name of await readdir(dir)) {
    if (name.startsWith(temporaryPrefix)) await rm(join(dir, name), { recursive: true, force: true });
  }
  return true;
}

/** Does the folder hold a whole cell, down to the last byte? */
async function isSealed(dir: string, address: Address): Promise<boolean> {
  const done = readDone(dir, address);
  if (typeof done === "string") return false;
  for (const [name, record] of Object.entries(done.files)) {
    if ((await hashFile(join(dir, name))).sha256 !== record.sha256) return false;
  }
  return true;
}
