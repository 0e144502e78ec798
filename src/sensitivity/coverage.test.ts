import { expect, test } from "vitest";
import { noiseOf, normalCumulative, toyMap } from "../../test/kit/toy-looks.ts";
import { stream } from "../base/random.ts";
import { alphaGrid, ratioGrid } from "./grid.ts";
import { criticalityOf } from "./measures.ts";
import { orderOf } from "./rank.ts";
import type { DrawLook } from "./sampling.ts";
import { totalOf } from "./total.ts";

const [images, block, dimensions, epsilon] = [256, 32, 12, 0.03];

/**
 * A module of a toy network whose error is known at every place: image i is wrong where (1 − α)·drift_i + r·⟨g_i, z⟩ exceeds
 * its margin, z a standard normal vector and g_i a unit vector of its own. Some are wrong with the final weights too.
 */
function toyModule(number: number, drift: number) {
  const random = stream(number, "init", "toy module");
  const toy = Array.from({ length: images }, () => {
    const g = Array.from({ length: dimensions }, () => random.normal());
    const length = Math.hypot(...g);
    return {
      margin: 0.25 + 0.5 * Math.abs(random.normal()) - (random.uniform() < 0.05 ? 0.6 : 0),
      drift: drift * (0.8 + 0.8 * random.normal()),
      g: g.map((one) => one / length),
    };
  });
  const final = toy.reduce((sum, { margin }) => sum + (margin < 0 ? 1 : 0), 0) / images;
  const truth = (alpha: number, ratio: number): number =>
    toy.reduce((sum, one) => {
      const off = (1 - alpha) * one.drift - one.margin;
      return sum + (ratio === 0 ? Number(off > 0) : normalCumulative(off / ratio));
    }, 0) /
      images -
    final;
  /** The largest ratio within ε at an α, from above; 0: none. */
  const edge = (alpha: number): number => {
    let [beyond, within] = [4, 4];
    while (within > 1e-3 && truth(alpha, within) > epsilon) [beyond, within] = [within, within / 1.1];
    if (within <= 1e-3) return 0;
    for (let i = 0; i < 20; i++) {
      const middle = (beyond + within) / 2;
      if (truth(alpha, middle) > epsilon) beyond = middle;
      else within = middle;
    }
    return within;
  };
  const mu = Math.min(
    ...Array.from({ length: 50 }, (_, i) => {
      const ratio = edge((i + 1) / 50);
      return ratio === 0 ? Infinity : ((i + 1) / 50 / ratio) ** 2;
    }),
  );
  /** Looks at blocks of the images in an order of this seed. */
  const look = (seed: number): DrawLook => {
    const order = stream(seed, "order", "toy").permutation(images);
    return {
      look(draw, places) {
        const z = noiseOf(1000 * seed + number, draw, dimensions);
        const seen = Array.from({ length: block }, (_, j) => toy[order[(draw * block + j) % images]!]!);
        const pushes = seen.map(({ g }) => g.reduce((sum, one, d) => sum + one * z[d]!, 0));
        const excess = Float32Array.from(places, ({ alpha, ratio }) => {
          const wrong = seen.filter((one, j) => (1 - alpha) * one.drift + ratio * pushes[j]! > one.margin);
          return (wrong.length - seen.filter(({ margin }) => margin < 0).length) / block;
        });
        return Promise.resolve({ excess, lossExcess: excess });
      },
    };
  };
  return { mu, radius: edge(1), look };
}

test("intervals of μ, the radius, their sum and their order cover what is true in 93 % of 200 toy networks or more", async () => {
  const modules = [0.2, 0.5, 0.3].map((drift, number) => toyModule(number, drift));
  const depths = modules.map((_, depth) => depth);
  const rank = (own: number): number => modules.filter(({ mu }) => mu < own).length;
  const [alphas, ratios] = [alphaGrid(6), ratioGrid({ from: 0.05, to: 2, count: 7 })];
  const options = { alphas, ratios, epsilons: [epsilon], span: 1, block, images, maxDraws: 32, refine: 2 };
  const covered = { mu: [0, 0, 0], radius: [0, 0, 0], total: 0, order: 0 };
  const holds = (
    { low, high }: { readonly low: number | null; readonly high: number | null },
    truth: number,
    isAbsentLow: number,
  ) => ((low ?? isAbsentLow) <= truth && truth <= (high ?? Infinity) ? 1 : 0);
  const cases = 200;
  // Kendall's τ of depth with the true values.
  const pairs = [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const;
  const tau =
    pairs.reduce((sum, [a, b]) => sum + Math.sign(rank(modules[b]!.mu) - rank(modules[a]!.mu)), 0) / 3;
  for (let seed = 0; seed < cases; seed++) {
    const resampling = { seed, resamples: 100 };
    const maps = await Promise.all(modules.map(({ look }) => toyMap(look(seed), options)));
    for (const [m, { mu, radius }] of modules.entries()) {
      const found = criticalityOf(maps[m]!, epsilon, resampling);
      covered.mu[m]! += holds(found.mu, mu, Infinity);
      covered.radius[m]! += holds(found.radius, radius, 0);
    }
    const named = maps.map((map, m) => ({ name: String(m), map }));
    covered.total += holds(
      totalOf(named, epsilon, resampling),
      modules.reduce((sum, { mu }) => sum + mu, 0),
      Infinity,
    );
    covered.order += holds(orderOf(maps, depths, epsilon, resampling)!, tau, 0);
  }
  for (const [what, count] of Object.entries(covered).flatMap(([name, counts]) =>
    [counts].flat().map((one) => [name, one] as const),
  ))
    expect(count / cases, what).toBeGreaterThanOrEqual(0.93);
}, 30_000);
