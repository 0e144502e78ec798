import * as fc from "fast-check";
import { expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { pairedExcess } from "./paired.ts";

test("a difference never seen is not none for sure; signs turn with the networks", () => {
  const none = pairedExcess(0, 0, 100);
  expect(none.value).toBe(0);
  expect(none.high).toBeGreaterThan(0.01);
  expect(none.low).toBeCloseTo(-none.high!, 12);
  fc.assert(
    fc.property(fc.nat(50), fc.nat(50), fc.integer({ min: 100, max: 1000 }), (lost, gained, images) => {
      const one = pairedExcess(lost, gained, images);
      const other = pairedExcess(gained, lost, images);
      expect(one.value).toBeCloseTo((lost - gained) / images, 12);
      expect(one.low).toBeLessThanOrEqual(one.value);
      expect(one.high).toBeGreaterThanOrEqual(one.value);
      expect(other.low).toBeCloseTo(-one.high!, 12);
    }),
  );
});

test("holds the true difference about as often as it says", () => {
  const random = stream(1, "bootstrap", "paired");
  const [images, repeats] = [300, 2000];
  for (const [lose, gain] of [
    [0.02, 0],
    [0.1, 0.05],
    [0.4, 0.02],
  ] as const) {
    let held = 0;
    for (let i = 0; i < repeats; i++) {
      let [lost, gained] = [0, 0];
      for (let k = 0; k < images; k++) {
        const u = random.uniform();
        if (u < lose) lost++;
        else if (u < lose + gain) gained++;
      }
      const { low, high } = pairedExcess(lost, gained, images);
      if (low! <= lose - gain && lose - gain <= high!) held++;
    }
    expect(held / repeats).toBeGreaterThan(0.93);
  }
});
