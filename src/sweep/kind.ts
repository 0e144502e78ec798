import type { Json } from "../base/canonical.ts";
import type { Cell } from "../store/cell.node.ts";
import type { CellSpec } from "../store/spec.ts";

/** What a cell will take, as far as its parameters tell. */
export interface Estimate {
  /** Work in steps, for kinds whose time per step is measured; used where `seconds` is not given. */
  readonly steps?: number;
  /** Seconds on one thread of a machine like the author's. A measured rate corrects it (see `Rates`). */
  readonly seconds?: number;
  /** Largest memory of the worker process, bytes. */
  readonly bytes?: number;
}

/** How far a running cell is. */
export interface CellProgress {
  readonly done: number;
  readonly total: number;
  /** What is counted, in the plural: "steps". */
  readonly unit: string;
}

/** The lines of a cell's `metrics.jsonl`. */
export interface Metrics {
  /** Lines that count so far. None at the start, also in a resumed cell: see `truncateTo`. */
  readonly lines: number;
  /** Adds a line. @throws {ScopeError} bug, for NaN or what is not plain data; io */
  append(line: Json): void;
  /**
   * Keeps the first `lines` lines, of this attempt or those before it. A resumed cell calls this with the `lines` its
   * checkpoint states, so that the file ends up the same as an uninterrupted run's; a cell that starts over doesn't, and
   * begins an empty file.
   * @throws {ScopeError} data, when there are fewer
   */
  truncateTo(lines: number): void;
}

/** What a cell's code is given. */
export interface CellContext {
  readonly spec: CellSpec;
  readonly params: Json;
  /**
   * Folder for the cell's files; files of an attempt that was killed are still there. At the end all of it becomes the
   * cell, save entries whose names begin with a dot: keep checkpoints and scratch files under such names.
   */
  readonly dir: string;
  /** Is this cell taken up again after an attempt that didn't finish? Then `dir` may hold a checkpoint. */
  readonly resumed: boolean;
  /** The finished cell that the spec names as this input. @throws {ScopeError} bug, when the spec has no such input */
  input(name: string): Cell;
  readonly metrics: Metrics;
  /**
   * Writes a file of `dir` so that a crash leaves the old bytes or the new ones, never a part. Metrics appended before
   * are then on the disk too, so a checkpoint may state `metrics.lines`.
   */
  write(name: string, bytes: string | Uint8Array): Promise<void>;
  /** Says how far the cell is. Cheap: may be called at every step. */
  progress(progress: CellProgress): void;
  /**
   * Aborted when the cell shall stop. Look at it often (at every step), write a checkpoint, then throw `signal.reason`.
   */
  readonly signal: AbortSignal;
  /** Where models run: "cpu", "cuda", "webgpu". */
  readonly device: string;
}

/**
 * A kind of cell: a function from parameters and finished cells to a result, the same every time.
 * Results depend on nothing else: not on time, machine, worker, or how often the cell was interrupted.
 */
export interface CellKind {
  readonly kind: string;
  /** Goes up whenever a change of the code changes a result. */
  readonly version: number;
  estimate?(params: Json): Estimate;
  run(context: CellContext): Promise<Json>;
}

/** Cell kinds by name. */
export type CellKinds = Readonly<Record<string, CellKind>>;

/** What planning needs to know of kinds: no code that loads a runtime. */
export type KindFacts = Readonly<Record<string, Pick<CellKind, "version" | "estimate">>>;
