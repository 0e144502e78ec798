import type { Address } from "../store/spec.ts";
import type { CellProgress } from "./kind.ts";
import type { ErrorText } from "./message.ts";

interface CellEvent {
  /** When, ms since 1970. */
  readonly at: number;
  readonly address: Address;
  readonly label: string;
}

/** What happens while a sweep runs, in order. Plain data: may be printed as JSON lines. */
export type SweepEvent =
  /** First of all: the sweep as the executor found it. Estimated seconds are of the cells still missing. */
  | {
      readonly type: "planned";
      readonly at: number;
      readonly total: number;
      readonly done: number;
      readonly workers: number;
      readonly missing: readonly {
        readonly address: Address;
        readonly kind: string;
        readonly seconds: number;
      }[];
    }
  /** `worker`: number of the worker, from 0. `attempt`: 1 the first time in this run. */
  | (CellEvent & { readonly type: "started"; readonly worker: number; readonly attempt: number })
  | (CellEvent & { readonly type: "progress"; readonly worker: number; readonly progress: CellProgress })
  /** `where`: computed by this executor, or by another process with the same store. Seconds are of all attempts. */
  | (CellEvent & {
      readonly type: "finished";
      readonly where: "here" | "elsewhere";
      readonly seconds: number;
    })
  /** Another process works on the cell; it is looked at again from time to time. */
  | (CellEvent & { readonly type: "waiting"; readonly by: string })
  /** The attempt failed; the cell is tried again. */
  | (CellEvent & { readonly type: "retried"; readonly error: ErrorText })
  | (CellEvent & { readonly type: "failed"; readonly error: ErrorText })
  /** The cell can't be computed, because `because` failed. */
  | (CellEvent & { readonly type: "blocked"; readonly because: Address })
  /** The cell was stopped on request, and its files kept. */
  | (CellEvent & { readonly type: "released" })
  /** The executor begins to stop: politely, or at once. */
  | { readonly type: "stopping"; readonly at: number; readonly how: "politely" | "at once" };
