import { duration } from "../sweep/progress.ts";

/** An estimated time for people. Below half a minute starting up counts more than what was estimated. */
export function about(seconds: number): string {
  return seconds < 30 ? "less than a minute" : `about ${duration(seconds)}`;
}

/** "1 worker", "2 workers". */
export function workers(count: number): string {
  return count === 1 ? "1 worker" : `${count} workers`;
}
