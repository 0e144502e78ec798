/**
 * What went wrong, for code that must decide: the CLI's exit status, the executor's retry.
 *
 * usage, format, shape, unsupported, data: the user can mend it (exit 2, never retried).
 * io, runtime, diverged, bug: it failed at run time (exit 1). cancelled: stopped on request (exit 130).
 */
export type Fault =
  | "usage"
  | "format"
  | "shape"
  | "unsupported"
  | "data"
  | "io"
  | "runtime"
  | "diverged"
  | "cancelled"
  | "bug";

/** The one error class. `message` states subject, expectation and finding; `hint` says what to do next. */
export class ScopeError extends Error {
  override readonly name = "ScopeError";
  readonly fault: Fault;
  readonly hint: string | undefined;

  constructor(fault: Fault, message: string, more: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.fault = fault;
    this.hint = more.hint;
  }
}

/** Exit status of the command line for a fault: 2 for what the user can mend, 130 when cancelled, else 1. */
export function exitCode(fault: Fault): number {
  switch (fault) {
    case "usage":
    case "format":
    case "shape":
    case "unsupported":
    case "data":
      return 2;
    case "cancelled":
      return 130;
    case "io":
    case "runtime":
    case "diverged":
    case "bug":
      return 1;
  }
}

/** Number of single-character edits between two names (Levenshtein), for "did you mean". */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The (at most) three known names nearest to `name`, nearest first. */
export function nearest(name: string, known: readonly string[]): string[] {
  return known.toSorted((a, b) => editDistance(a, name) - editDistance(b, name)).slice(0, 3);
}

/**
 * Looks `name` up in a table of definitions.
 * @throws {ScopeError} usage, naming the nearest known entries
 */
export function pick<T>(table: Readonly<Record<string, T>>, name: string, kind: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(table);
  throw new ScopeError("usage", `no ${kind} is called "${name}"`, {
    hint: `known: ${known.length <= 12 ? known.join(", ") : nearest(name, known).join(", ")}`,
  });
}
