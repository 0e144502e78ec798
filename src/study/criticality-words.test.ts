import { expect, test } from "vitest";
import { syntheticStudyCriticality } from "../../test/kit/synthetic-criticality.ts";
import type { MaybeInfinite } from "../sensitivity/types.ts";
import { criticalityHeadline } from "./criticality-words.ts";

/** The sentence of a study whose fine-tuned network has these μ, module by module. */
function headline(mus: readonly MaybeInfinite[]): string {
  const study = syntheticStudyCriticality();
  const [first, second] = study.networks;
  const modules = mus.map((mu, i) => {
    const module = first!.modules[i]!;
    const maps = module.maps.map((map) => ({
      ...map,
      criticality: map.criticality.map((one) => ({ ...one, mu })),
    }));
    return { ...module, name: `m${i}`, maps };
  });
  return criticalityHeadline({ ...study, networks: [{ ...first!, modules }, second!] });
}

const mu = (value: number | null, low: number | null = value, high: number | null = value) => ({
  value,
  low,
  high,
});

test("names the most critical module, and those its interval does not leave behind", () => {
  expect(headline([mu(5, 4, 6), mu(100, 50, 150), mu(20, 10, 40)])).toContain(
    "is m1 (μ = 100) in P-T seed 0",
  );
  expect(headline([mu(5, 4, 60), mu(100, 50, 150), mu(20, 10, null)])).toContain(
    "is m1 (μ = 100, not told apart from m2 and m0) in P-T seed 0",
  );
});

test("an infinite μ is the largest; all zero is none", () => {
  expect(headline([mu(null), mu(7)])).toContain("is m0 (μ infinite) in P-T seed 0");
  expect(headline([mu(0), mu(0)])).toContain("is none (all μ = 0) in P-T seed 0");
});

test("claims nothing about kinds of networks", () => {
  expect(headline([mu(5)])).toContain("with one network each, nothing is shown");
});
