import { ScopeError } from "../base/error.ts";

/** Equally spaced positions on a path. */
export interface Range {
  readonly from: number;
  readonly to: number;
  /** Number of positions, both ends counted. */
  readonly count: number;
}

/** Positions that barriers are defined by: both networks and the point half-way. */
const marks = [0, 0.5, 1];

// More points than a screen has pixels tell nothing more, and would be a typing mistake.
const mostPoints = 100_000;

/**
 * Reads "-0.5:1.5:41": from, to and the number of points, the syntax of loss-landscape's `--x`.
 * @param where what the text was given as, for the error: "--range"
 * @throws {ScopeError} usage
 */
export function parseRange(text: string, where: string): Range {
  const parts = text.split(":").map((part) => part.trim());
  const fail = (what: string): never => {
    throw new ScopeError("usage", `${where} "${text}": ${what}`, {
      hint: "write from:to:points, for example -0.5:1.5:41",
    });
  };
  if (parts.length !== 3) {
    fail(`expected three numbers with colons between, found ${parts.length === 1 ? "one" : parts.length}`);
  }
  const [from = Number.NaN, to = Number.NaN, count = Number.NaN] = parts.map((part) =>
    part === "" ? Number.NaN : Number(part),
  );
  if (!Number.isFinite(from)) fail(`"${parts[0]}" is not a number to begin at`);
  if (!Number.isFinite(to)) fail(`"${parts[1]}" is not a number to end at`);
  if (!(from < to)) fail(`begins at ${from}, which is not below its end ${to}`);
  if (!Number.isInteger(count) || count < 2 || count > mostPoints) {
    fail(`expected a whole number of points from 2 to ${mostPoints}, found "${parts[2]}"`);
  }
  return { from, to, count };
}

/** The positions of a range, ascending. Those that are 0, ½ or 1 but for rounding are exactly that. */
export function rangePoints(range: Range): number[] {
  const steps = range.count - 1;
  const near = 1e-9 * (range.to - range.from);
  return Array.from({ length: range.count }, (_, i) => {
    if (i === 0) return range.from;
    if (i === steps) return range.to;
    const at = (range.from * (steps - i) + range.to * i) / steps;
    return marks.find((mark) => Math.abs(mark - at) < near) ?? at;
  });
}

/** The positions with 0, ½ and 1 added where they lie between the first and the last and are missing; ascending. */
export function withEnds(points: readonly number[]): number[] {
  const low = Math.min(...points);
  const high = Math.max(...points);
  const added = marks.filter((mark) => mark >= low && mark <= high && !points.includes(mark));
  return [...points, ...added].toSorted((a, b) => a - b);
}
