import { lstat, readdir, rename, rm } from "node:fs/promises";
import { arch, cpus, platform, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { canonical } from "../base/canonical.ts";
import type { Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { Cell, fileName, hashFile, readDone } from "./cell.node.ts";
import type { Done, FileRecord } from "./cell.node.ts";
import {
  ioError,
  makeFolder,
  syncFile,
  syncFolder,
  systemCode,
  writePlain,
  writeWhole,
} from "./disk.node.ts";
import type { Failure } from "./failure.node.ts";
import type { Lease } from "./lease.node.ts";
import { shortAddress } from "./spec.ts";
import type { Address, CellSpec } from "./spec.ts";

/** Where an attempt's pieces are; given by the store. */
export interface AttemptPlace {
  readonly address: Address;
  readonly spec: CellSpec;
  /** The store's root, for messages. */
  readonly store: string;
  /** The folder the attempt's files are in. */
  readonly dir: string;
  /** The folder that becomes the cell. */
  readonly target: string;
  /** Were there files of an earlier attempt? */
  readonly resumed: boolean;
  readonly heartbeatMs: number;
  readonly recordFailure: (failure: Failure) => Promise<void>;
}

/**
 * The right to compute one cell, and the folder to do it in. Ends with exactly one of `publish`, `fail`, `release`.
 *
 * Files in `dir` stay through crashes: the next attempt finds them. What is in `dir` at `publish` becomes the cell, save
 * entries whose names begin with a dot: those are the attempt's own (checkpoints to resume from) and are deleted.
 */
export class Attempt {
  readonly address: Address;
  readonly spec: CellSpec;
  readonly dir: string;
  readonly resumed: boolean;
  /** Aborted when another process has taken the cell over, because this one's heartbeat was missed for long. */
  readonly lost: AbortSignal;
  readonly #place: AttemptPlace;
  readonly #lease: Lease;
  readonly #timer: NodeJS.Timeout;

  constructor(place: AttemptPlace, lease: Lease) {
    this.address = place.address;
    this.spec = place.spec;
    this.dir = place.dir;
    this.resumed = place.resumed;
    this.#place = place;
    this.#lease = lease;
    const loss = new AbortController();
    this.lost = loss.signal;
    this.#timer = setInterval(() => {
      void this.#lease.beat().then(
        (held) => {
          if (!held) loss.abort(this.#lostError());
        },
        () => {
          // The store can't be asked just now; the next heartbeat asks again, and publishing asks in any case.
        },
      );
    }, place.heartbeatMs);
    this.#timer.unref();
  }

  /** How often work on this cell was begun, this time included. */
  get count(): number {
    return this.#lease.generation;
  }

  /** Seconds worked on this cell until now, in all attempts. */
  seconds(): number {
    return this.#lease.seconds();
  }

  /**
   * Makes the attempt's files the finished cell: all or nothing, also when the power fails.
   * @param cost what is worth keeping about this run but is not part of the result; seconds, attempts, machine, versions
   *   and time are added
   * @throws {ScopeError} io, when the disk is full, say, or when another process has taken the cell over; bug, when the
   *   result is not plain data or `dir` holds what a cell can't
   */
  async publish(result: Json, cost: { readonly [key: string]: Json } = {}): Promise<Cell> {
    const text = canonical(result);
    return await this.#writing("cannot finish", async () => {
      await writePlain(join(this.dir, "result.json"), `${text}\n`);
      await writePlain(join(this.dir, "cost.json"), `${canonical({ ...this.#baseCost(), ...cost })}\n`);
      const files = await this.#seal();
      const done: Done = { format: 1, address: this.address, files };
      await writeWhole(join(this.dir, "done.json"), `${canonical(done)}\n`);
      if (!(await this.#lease.isHeld())) throw this.#lostError();
      const cell = await moveIntoPlace(this.dir, this.#place.target, this.address);
      clearInterval(this.#timer);
      await this.#lease.close();
      await removeWork(this.#lease.folder);
      return cell;
    });
  }

  /** Records why the attempt failed and gives the cell back; its files stay for the next attempt. */
  async fail(failure: Failure): Promise<void> {
    try {
      await this.#place.recordFailure(failure);
    } finally {
      await this.release();
    }
  }

  /** Gives the cell back unfinished; its files stay for the next attempt. */
  async release(): Promise<void> {
    await this.#writing("cannot give back", async () => {
      clearInterval(this.#timer);
      await this.#lease.release();
    });
  }

  /** Syncs every file that will be published, and returns sizes and hashes by name, the cost's not among them. */
  async #seal(): Promise<Record<string, FileRecord>> {
    const files: Record<string, FileRecord> = {};
    for (const name of (await readdir(this.dir)).toSorted()) {
      if (name.startsWith(".") || name === "done.json") continue;
      const path = join(this.dir, name);
      if (!fileName.test(name) || !(await lstat(path)).isFile()) {
        throw new ScopeError(
          "bug",
          `internal: ${this.#name()} wrote "${name}", which is not a plain file a cell can hold`,
        );
      }
      await syncFile(path);
      if (name !== "cost.json") files[name] = await hashFile(path);
    }
    return files;
  }

  #baseCost(): { readonly [key: string]: Json } {
    const now = Date.now();
    return {
      seconds: Math.round(this.seconds() * 1000) / 1000,
      attempts: this.count,
      begun: new Date(this.#lease.holder.since).toISOString(),
      finished: new Date(now).toISOString(),
      host: this.#lease.holder.host,
      platform: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model ?? "unknown",
      cpus: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    };
  }

  #name(): string {
    return `cell ${shortAddress(this.address)} (${this.spec.kind})`;
  }

  #lostError(): ScopeError {
    return new ScopeError(
      "io",
      `${this.#name()}: another process took it over, because this one showed no life for too long`,
      {
        hint: "run the same command again; what the other process finishes is used",
      },
    );
  }

  async #writing<T>(doing: string, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      throw ioError(error, `store ${this.#place.store}: ${doing} ${this.#name()}`);
    }
  }
}

/**
 * Removes the work folder of a finished cell. It may stay, if another process is just looking at the cell: that one, or
 * the next `tidy`, removes it.
 */
export async function removeWork(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}

/**
 * Renames a sealed folder (its `done.json` written) to its place among the finished cells. A cell that is already there
 * stays; a folder there that is no finished cell (an interrupted copy) gives way.
 */
export async function moveIntoPlace(dir: string, target: string, address: Address): Promise<Cell> {
  // Only now may what the attempt kept for itself go: until done.json was there, a crash would have needed it.
  for (const name of await readdir(dir)) {
    if (name.startsWith(".")) await rm(join(dir, name), { recursive: true, force: true });
  }
  await makeFolder(dirname(target));
  for (let round = 0; ; round++) {
    try {
      await rename(dir, target);
      break;
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "") || round === 10) throw error;
      if (typeof readDone(target, address) !== "string") {
        await rm(dir, { recursive: true, force: true });
        break;
      }
      const aside = join(dirname(dir), `.broken-${round}`);
      await rm(aside, { recursive: true, force: true });
      await rename(target, aside);
    }
  }
  await syncFolder(dirname(target));
  const done = readDone(target, address);
  if (typeof done === "string")
    throw new ScopeError("io", `cell ${target}: ${done}, right after it was published`);
  return new Cell(address, target, done);
}
