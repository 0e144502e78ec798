import { closeSync, fdatasyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { canonical } from "../base/canonical.ts";
import type { Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { ioError } from "../store/disk.node.ts";
import type { Metrics } from "./kind.ts";

const newline = 0x0a;

/**
 * A JSON-lines file that grows. Lines of an earlier attempt count only once `truncateTo` has kept them: a cell that
 * starts over must not add its lines to the old ones. A last line cut short by a crash never counts.
 */
export class MetricsFile implements Metrics {
  readonly #path: string;
  /** Byte offset of the end of each line in the file, those not (yet) kept included. */
  #ends: number[];
  #lines = 0;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#ends = [];
    const bytes = this.#do(() => {
      try {
        return readFileSync(path);
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    });
    if (!bytes) return;
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1))
      this.#ends.push(at + 1);
    this.#fd = this.#do(() => openSync(path, "r+"));
  }

  get lines(): number {
    return this.#lines;
  }

  append(line: Json): void {
    const bytes = Buffer.from(`${canonical(line)}\n`);
    if (this.#ends.length > this.#lines) this.truncateTo(this.#lines);
    const start = this.#ends.at(-1) ?? 0;
    this.#do(() => {
      // At a stated place, and again until all is written: after a failed write (disk full) the same line can be
      // written anew, and a part of it is never followed by another line.
      for (let written = 0; written < bytes.length;) {
        written += writeSync(this.#open(), bytes, written, bytes.length - written, start + written);
      }
    });
    this.#ends.push(start + bytes.length);
    this.#lines++;
  }

  truncateTo(lines: number): void {
    if (!Number.isSafeInteger(lines) || lines < 0 || lines > this.#ends.length) {
      throw new ScopeError(
        "data",
        `${this.#path} has ${this.#ends.length} lines, the checkpoint expects ${lines}`,
      );
    }
    this.#do(() => ftruncateSync(this.#open(), this.#ends[lines - 1] ?? 0));
    this.#ends.length = lines;
    this.#lines = lines;
  }

  /** Makes what was appended survive a power failure. */
  sync(): void {
    if (this.#fd !== undefined) this.#do(() => fdatasyncSync(this.#open()));
  }

  /** Ends the file with the last line that counts. */
  finish(): void {
    if (this.#fd !== undefined) this.truncateTo(this.#lines);
    this.close();
  }

  /** Lets go of the file, as it is. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number {
    // Not "a": a file opened for appending ignores the place to write at.
    this.#fd ??= openSync(this.#path, "w");
    return this.#fd;
  }

  #do<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw ioError(error, `cannot write ${this.#path}`);
    }
  }
}
