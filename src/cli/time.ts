import { duration } from "../sweep/progress.ts";

/** An estimated time for people. Below half a minute starting up counts more than what was estimated. */
export function about(seconds: number): string {
  return seconds < 30 ? "less than a minute" : `about ${duration(seconds)}`;
}
