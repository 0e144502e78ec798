import { ScopeError } from "../base/error.ts";
import type { Fault } from "../base/error.ts";
import type { CellSpec } from "../store/spec.ts";
import type { CellProgress } from "./kind.ts";
import type { CellEnd } from "./run-cell.node.ts";

/** An error as it crosses from one process to another. */
export interface ErrorText {
  readonly fault: Fault;
  readonly message: string;
  readonly hint?: string | undefined;
  /** The operating system's code, "ENOSPC", when a file operation failed. */
  readonly code?: string | undefined;
}

/** What the executor tells a worker process. */
export type ToWorker =
  /** First of all: where and how to work. */
  | {
      readonly type: "open";
      readonly store: string;
      readonly heartbeatMs: number;
      readonly staleAfterMs: number;
      readonly device: string;
    }
  /** Compute this cell; sent only to a worker that is idle. */
  | { readonly type: "run"; readonly spec: CellSpec }
  /** Write a checkpoint if at work, then exit. */
  | { readonly type: "stop" };

/** What a worker process tells the executor. */
export type FromWorker =
  /** It is idle for the first time; the kinds it has, with their versions. */
  | { readonly type: "ready"; readonly kinds: Readonly<Record<string, number>> }
  /** It can't work at all. */
  | { readonly type: "unable"; readonly error: ErrorText }
  | { readonly type: "progress"; readonly progress: CellProgress }
  /** The cell it had was finished, or wasn't to be had, or was stopped; it is idle. */
  | { readonly type: "end"; readonly end: CellEnd }
  /** The cell it had failed, and the reason was recorded; it is idle. */
  | { readonly type: "failed"; readonly error: ErrorText };

/** The error class again, on the other side. */
export function fromErrorText({ fault, message, hint }: ErrorText): ScopeError {
  return new ScopeError(fault, message, { hint });
}
