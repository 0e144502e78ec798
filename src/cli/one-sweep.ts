import { ScopeError } from "../base/error.ts";
import type { Address } from "../store/spec.ts";
import type { SweepEvent } from "../sweep/event.ts";
import type { Plan } from "../sweep/plan.ts";

/** A study's progress as one sweep, and how far it is. */
export interface OneSweep {
  readonly onEvent: (event: SweepEvent) => void;
  /** Cells finished, also before. */
  readonly done: () => number;
}

/**
 * Shows a study as one sweep, although it runs in two: the cells of the second depend on what the first finds (the
 * learning rates), so before that the plan's cells stand for them, one for one.
 * @param plan the study's plan, made before any of it ran
 */
export function asOneSweep(plan: Plan, show: (event: SweepEvent) => void): OneSweep {
  /** Planned cells that no sweep has claimed yet. */
  const later = new Map(plan.cells.filter((cell) => !cell.done).map((cell) => [cell.address, cell]));
  const standIn = new Map<Address, Address>();
  let done = plan.done;
  let begun = false;

  const claim = (address: Address): void => {
    const own = later.has(address) ? address : later.keys().next().value;
    if (own === undefined) return;
    later.delete(own);
    standIn.set(address, own);
  };

  return {
    done: () => done,
    onEvent(event) {
      if (event.type === "planned") {
        if (!begun) {
          begun = true;
          const missing = plan.cells.filter((cell) => !cell.done);
          show({ ...event, total: plan.total, done: plan.done, missing });
        }
        // Cells that are in the plan go to themselves first; the rest take what is left, in order.
        const [known, unknown] = [true, false].map((is) =>
          event.missing.filter(({ address }) => later.has(address) === is),
        );
        for (const { address } of [...known!, ...unknown!]) claim(address);
        return;
      }
      if (event.type === "finished") done++;
      show("address" in event ? { ...event, address: standIn.get(event.address) ?? event.address } : event);
    },
  };
}

/**
 * Does work that runs as one sweep; when it is stopped, says how far it came as a whole.
 * @param total cells in all
 */
export async function stoppedInWords<T>(sweep: OneSweep, total: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ScopeError) || error.fault !== "cancelled") throw error;
    throw new ScopeError("cancelled", `stopped with ${sweep.done()} of ${total} cells done`, {
      hint: "the same command goes on where this one stopped",
      cause: error,
    });
  }
}
