import { expect, test } from "vitest";
import { hundredthsTick } from "./soup-methods.ts";

test("ticks of one axis never share a label", () => {
  const labels = (all: readonly number[]) => all.map((one, i) => hundredthsTick(one, i, all));
  expect(labels([0.055, 0.06, 0.065, 0.07])).toEqual(["5.5", "6.0", "6.5", "7.0"]);
  expect(labels([0.3, 0.4, 0.5])).toEqual(["30", "40", "50"]);
});
