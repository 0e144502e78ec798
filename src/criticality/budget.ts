import { ScopeError } from "../base/error.ts";

/** What a command may spend: seconds of work at the nominal speed, and bytes of memory of all workers together. */
export interface Budget {
  readonly seconds?: number;
  readonly bytes?: number;
}

const times: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600 };
const sizes: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9 };

/**
 * Parses "10m", "90s", "1h", "2GB", "500MB", or one of each ("10m,2GB").
 * @throws {ScopeError} usage
 */
export function parseBudget(text: string): Budget {
  let budget: Budget = {};
  for (const part of text.split(",")) {
    const [, number = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(part) ?? [];
    const seconds = Number(number) * (times[unit.toLowerCase()] ?? Number.NaN);
    const bytes = Number(number) * (sizes[unit.toUpperCase()] ?? Number.NaN);
    if (seconds > 0 && budget.seconds === undefined) budget = { ...budget, seconds };
    else if (bytes > 0 && budget.bytes === undefined) budget = { ...budget, bytes };
    else {
      throw new ScopeError(
        "usage",
        `--budget expected a time such as 10m, a memory such as 2GB, or both, got "${text}"`,
        {
          hint: "times in s, m or h; memory in MB or GB; both with a comma: 10m,2GB",
        },
      );
    }
  }
  return budget;
}
