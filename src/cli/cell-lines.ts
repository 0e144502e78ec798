import type { Plan } from "../sweep/plan.ts";
import { duration } from "../sweep/progress.ts";
import { about, workers } from "./time.ts";

/** A planned cell, as far as a list of them shows it. */
interface Listed {
  readonly label: string;
  readonly done: boolean;
  readonly seconds: number;
}

/** The cells of a plan, a line each with what it is expected to take; the parts of one path share a line. */
export function cellLines(cells: readonly Listed[]): string[] {
  const groups = new Map<string, Listed[]>();
  for (const cell of cells) {
    const name = cell.label.replace(/, part \d+ of \d+$/, "");
    const kept = groups.get(name);
    if (kept === undefined) groups.set(name, [cell]);
    else kept.push(cell);
  }
  return [...groups].map(([name, members]) => {
    const left = members.filter((cell) => !cell.done);
    const seconds = left.reduce((sum, cell) => sum + cell.seconds, 0);
    const parts =
      members.length === 1
        ? ""
        : left.length < members.length && left.length > 0
          ? `, ${left.length} of ${members.length} parts`
          : `, ${members.length} parts`;
    return `  ${(left.length === 0 ? "done" : duration(seconds)).padStart(10)}  ${name}${parts}`;
  });
}

/** What is left of a sweep, in one line. */
export function sweepSummary(
  name: string,
  { total, done, wallSeconds, workers: count }: Pick<Plan, "total" | "done" | "wallSeconds" | "workers">,
): string {
  if (done === total) return `${name}: all ${total} cells are in the store`;
  const before = done === 0 ? "" : `, ${done} are done`;
  return `${name}: ${total - done} of ${total} cells to compute${before}; ${about(wallSeconds)} with ${workers(count)}`;
}
