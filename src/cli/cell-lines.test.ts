import { expect, test } from "vitest";
import { cellLines } from "./cell-lines.ts";

test("a line a cell; the parts of a path share one, with what is left of it", () => {
  const cell = (label: string, seconds: number, done = false) => ({ label, seconds, done });
  expect(
    cellLines([
      cell("pretrain", 61),
      cell("path a – b, part 1 of 2", 3, true),
      cell("path a – b, part 2 of 2", 4),
      cell("path a – c, part 1 of 2", 3, true),
      cell("path a – c, part 2 of 2", 4, true),
      cell("path b – c, part 1 of 2", 3),
      cell("path b – c, part 2 of 2", 4),
      cell("partial", 1, true),
    ]),
  ).toEqual([
    "   1 min 1 s  pretrain",
    "         4 s  path a – b, 1 of 2 parts",
    "        done  path a – c, 2 parts",
    "         7 s  path b – c, 2 parts",
    "        done  partial",
  ]);
});
