import { ScopeError } from "../base/error.ts";
import type { Address } from "../store/spec.ts";
import type { ErrorText } from "./message.ts";

/** A cell, named. */
export interface NamedCell {
  readonly address: Address;
  readonly label: string;
}

/** What a run of a sweep came to. */
export interface Outcome {
  /** Cells of the sweep. */
  readonly total: number;
  /** Finished before the run. */
  readonly done: number;
  /** Finished by this run. */
  readonly finished: number;
  /** Finished meanwhile by another process with the same store. */
  readonly elsewhere: number;
  /** Failed for good, with the last reason. */
  readonly failed: readonly (NamedCell & { readonly error: ErrorText })[];
  /** Not computed, because a cell they need failed. */
  readonly blocked: readonly NamedCell[];
  /** Was the run stopped on request? */
  readonly cancelled: boolean;
  /** Wall time. */
  readonly seconds: number;
}

/**
 * Does nothing when every cell of the sweep is finished.
 * @throws {ScopeError} cancelled, when the run was stopped; else the fault of the failures, if they share one, or runtime
 */
export function requireComplete(outcome: Outcome): void {
  const { total, done, finished, elsewhere, failed, blocked, cancelled } = outcome;
  const whole = done + finished + elsewhere;
  const first = failed[0];
  if (cancelled && whole < total) {
    throw new ScopeError("cancelled", `stopped after ${whole} of ${total} cells`, {
      hint: "run the same command to go on where it stopped",
    });
  }
  if (first) {
    const faults = new Set(failed.map(({ error }) => error.fault));
    const others = failed.length > 1 ? ` (and ${failed.length - 1} more failed)` : "";
    const lost = blocked.length > 0 ? `; ${blocked.length} cells that need them were not computed` : "";
    throw new ScopeError(
      faults.size === 1 ? first.error.fault : "runtime",
      `${first.label}: ${first.error.message}${others}${lost}`,
      { hint: first.error.hint },
    );
  }
}
