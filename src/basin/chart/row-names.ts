import { enumerate } from "../../figure/numbers.ts";
import type { GridRow } from "../results.ts";
import type { DotRow } from "./dots.ts";

/** A kind of pair, and what its two networks share. */
export function rowName(row: GridRow): DotRow {
  const shared = [
    ...(row.sameStart ? ["start"] : []),
    ...(row.sameHead ? ["head"] : []),
    ...(row.sameOrder ? ["order"] : []),
  ];
  const rate = row.rateFactor === 1 ? "" : `, ${row.rateFactor}× rate`;
  return {
    label: row.label,
    detail: (shared.length === 0 ? "nothing shared" : `same ${enumerate(shared)}`) + rate,
  };
}
