import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { systemCode, temporaryPrefix } from "./disk.node.ts";
import { isRunning, thisProcess } from "./process.node.ts";

// A lease says which process works on a cell. Leases of a cell are numbered files in `work/<address>/`:
//
//   lease-3   generation 3 holds the cell        free-3   generation 3 gave it back
//
// The highest number counts. To take a cell over is to create the next number, which only one process can; a process
// that was slow to decide finds the number taken, or a higher one beside its own, and starts over. So two can never hold
// one generation, and no file that somebody else may hold is ever removed. The attempt's folder carries the generation in
// its name and is renamed at each takeover: a former holder that wakes up again (from a sleeping laptop) writes into a
// folder that no longer exists.
//
// The work folder is removed once its cell is finished, and only then; numbers begin anew after that. So whoever takes a
// lease must ask then whether the cell is finished. (lease-order.test.ts plays all this in random orders.)

/** Who holds a cell. */
export interface LeaseHolder {
  readonly token: string;
  readonly pid: number;
  readonly started: string | null;
  readonly machine: string;
  /** Host name, for messages. */
  readonly host: string;
  /** When the lease was taken, ms since 1970, by the holder's clock. */
  readonly since: number;
  /** Inode of the folder the lease was made in: in a copied store it differs, and the lease is void there. */
  readonly place: number;
  /** Seconds that earlier holders worked on the cell. */
  readonly secondsBefore: number;
}

const holderSchema = z.object({
  token: z.string().max(64),
  pid: z.int().positive(),
  started: z.string().max(32).nullable(),
  machine: z.string().max(512),
  host: z.string().max(256),
  since: z.number(),
  place: z.number(),
  secondsBefore: z.number().min(0),
});

/** A lease without readable content: its maker died (or is) between creating and writing it. Normally microseconds. */
const unreadableAfterMs = 10_000;

interface Entry {
  readonly name: string;
  readonly generation: number;
  /** attempt: the folder of a generation's files. Its number is spent even if a power failure lost the lease. */
  readonly what: "lease" | "free" | "attempt";
}

async function entriesOf(folder: string): Promise<Entry[]> {
  return (await readdir(folder)).flatMap((name) => {
    const match = /^(lease|free|attempt)-([1-9][0-9]{0,8})$/.exec(name);
    return match ? [{ name, generation: Number(match[2]), what: match[1] as Entry["what"] }] : [];
  });
}

/** The entry that counts: the highest generation, and of that the lease, if it is held. */
function topOf(entries: readonly Entry[]): Entry | undefined {
  const order = { lease: 0, free: 1, attempt: 2 };
  return entries.toSorted((a, b) => b.generation - a.generation || order[a.what] - order[b.what])[0];
}

interface Found {
  readonly holder: LeaseHolder | undefined;
  /** Time of the last heartbeat, ms, by the clock of the file system. */
  readonly beat: number;
}

async function readEntry(folder: string, entry: Entry): Promise<Found | undefined> {
  try {
    const path = join(folder, entry.name);
    const { mtimeMs, size } = await stat(path);
    const text = size > 4096 ? "" : await readFile(path, "utf8");
    return { holder: parseHolder(text), beat: mtimeMs };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parseHolder(text: string): LeaseHolder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The file system's own time, ms: ages of heartbeats must not depend on how this machine's clock is set. */
async function fileSystemNow(folder: string): Promise<number> {
  const path = join(folder, `${temporaryPrefix}${randomUUID()}`);
  let handle: FileHandle;
  try {
    handle = await open(path, "wx");
  } catch (error) {
    // A reader of a read-only store may ask too; this machine's clock is then the best there is.
    if (systemCode(error) === "ENOENT") throw error;
    return Date.now();
  }
  try {
    await handle.writeFile("now");
    return (await handle.stat()).mtimeMs;
  } finally {
    await handle.close();
    await rm(path, { force: true });
  }
}

/** May the cell be taken from this holder? */
async function isStale(folder: string, { holder, beat }: Found, staleAfterMs: number): Promise<boolean> {
  if (holder && holder.machine === thisProcess().machine) {
    return holder.place !== (await stat(folder)).ino || !isRunning(holder);
  }
  const age = (await fileSystemNow(folder)) - beat;
  return age > (holder ? staleAfterMs : Math.min(staleAfterMs, unreadableAfterMs));
}

/** What stands in the way of taking a cell: its holder (undefined while that can't be read). */
export class Busy {
  readonly holder: LeaseHolder | undefined;
  constructor(holder: LeaseHolder | undefined) {
    this.holder = holder;
  }
  /** "process 4711 on node7", for messages. */
  toString(): string {
    return this.holder ? `process ${this.holder.pid} on ${this.holder.host}` : "another process";
  }
}

/** Who holds the cell whose work folder this is, or undefined when it can be taken. Changes nothing that lasts. */
export async function currentHolder(folder: string, staleAfterMs: number): Promise<Busy | undefined> {
  try {
    const top = topOf(await entriesOf(folder));
    if (top?.what !== "lease") return undefined;
    const found = await readEntry(folder, top);
    return !found || (await isStale(folder, found, staleAfterMs)) ? undefined : new Busy(found.holder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Takes the cell whose work folder this is, making the folder if need be.
 * @returns the lease, or who holds it
 */
export async function takeLease(folder: string, staleAfterMs: number): Promise<Lease | Busy> {
  let last: Found | undefined;
  // Each round is lost only to another process that made progress, so a few rounds do; the bound guards against a file
  // system that answers oddly.
  for (let round = 0; round < 100; round++) {
    await mkdir(folder, { recursive: true });
    try {
      const top = topOf(await entriesOf(folder));
      last = top && top.what !== "attempt" ? await readEntry(folder, top) : undefined;
      if (top?.what === "lease") {
        if (!last) continue;
        if (!(await isStale(folder, last, staleAfterMs))) return new Busy(last.holder);
      }

      const generation = (top?.generation ?? 0) + 1;
      const holder: LeaseHolder = {
        token: randomUUID(),
        ...thisProcess(),
        host: hostname(),
        since: Date.now(),
        place: (await stat(folder)).ino,
        secondsBefore: secondsSpent(last),
      };
      const name = `lease-${generation}`;
      if (!(await createLease(folder, name, holder))) continue;
      const entries = await entriesOf(folder);
      if (entries.some((entry) => entry.name !== name && entry.generation >= generation)) {
        await rm(join(folder, name), { force: true });
        continue;
      }
      for (const entry of entries) {
        if (entry.what === "attempt" || entry.generation >= generation) continue;
        await rm(join(folder, entry.name), { force: true });
      }
      return new Lease(folder, generation, holder, await open(join(folder, name), "r+"));
    } catch (error) {
      // ENOENT: the folder was removed under us, because its cell has just been finished.
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }
  return new Busy(last?.holder);
}

/** Seconds worked on the cell until this lease's last heartbeat. */
function secondsSpent(found: Found | undefined): number {
  if (!found?.holder) return 0;
  return found.holder.secondsBefore + Math.max(0, found.beat - found.holder.since) / 1000;
}

/** Creates a lease file with its content at once; false when the name is taken. */
async function createLease(folder: string, name: string, holder: LeaseHolder): Promise<boolean> {
  const text = `${JSON.stringify(holder)}\n`;
  const temporary = join(folder, `${temporaryPrefix}${holder.token}`);
  const handle = await open(temporary, "wx");
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
  try {
    await link(temporary, join(folder, name));
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code ?? "")) throw error;
    return await createExclusively(join(folder, name), text);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** For file systems without hard links: the content follows the name, see `unreadableAfterMs`. */
async function createExclusively(path: string, text: string): Promise<boolean> {
  let handle: FileHandle;
  try {
    handle = await open(path, "wx");
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
  return true;
}

/** A held lease. Its heartbeat is the modification time of its file. */
export class Lease {
  readonly folder: string;
  readonly generation: number;
  readonly holder: LeaseHolder;
  readonly #handle: FileHandle;
  #open = true;

  constructor(folder: string, generation: number, holder: LeaseHolder, handle: FileHandle) {
    this.folder = folder;
    this.generation = generation;
    this.holder = holder;
    this.#handle = handle;
  }

  /** Seconds worked on the cell until now, by all its holders. */
  seconds(): number {
    return this.holder.secondsBefore + Math.max(0, Date.now() - this.holder.since) / 1000;
  }

  /**
   * Shows that the holder is alive, and asks whether it still holds the cell.
   * @returns false once another process has taken the cell over
   */
  async beat(): Promise<boolean> {
    try {
      // The same byte again: sets the time by the file system's clock, and no reader ever sees a torn file.
      if (this.#open) await this.#handle.write("{", 0);
    } catch {
      // A heartbeat missed, on a full disk say, is no reason to stop; too many missed end in a takeover, seen below.
    }
    return await this.isHeld();
  }

  /** Does this process still hold the cell? */
  async isHeld(): Promise<boolean> {
    if (!this.#open) return false;
    try {
      return topOf(await entriesOf(this.folder))?.name === `lease-${this.generation}`;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  /** Gives the cell back, for anyone to take. */
  async release(): Promise<void> {
    if (!this.#open) return;
    await this.beat();
    await this.close();
    const name = join(this.folder, `lease-${this.generation}`);
    try {
      await rename(name, join(this.folder, `free-${this.generation}`));
    } catch (error) {
      if (systemCode(error) !== "ENOENT") await unlink(name);
    }
  }

  /** Stops using the lease's file, without giving the cell back. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}
