import { describe, expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { lookOf, noiseOf, normalCumulative, toyMap } from "../../test/kit/toy-looks.ts";
import { alphaGrid } from "./grid.ts";
import { meanOf, placeInterval, verdictOf } from "./interval.ts";
import { sampleMap, type SampleOptions } from "./sampling.ts";

/** Errors of a block: binomial around a rate that itself varies from draw to draw with the noise vector. */
function drawsOf(seed: number, rate: number, spread: number, block: number): (draw: number) => number {
  return (draw) => {
    const random = stream(seed, "noise", draw);
    // Mean 1 whatever the spread.
    const factor = Math.exp(spread * random.normal() - (spread * spread) / 2);
    let wrong = 0;
    for (let i = 0; i < block; i++) if (random.uniform() < rate * factor) wrong++;
    return wrong / block;
  };
}

describe("the interval of a place", () => {
  test.each([
    [0.002, 0.3, 4],
    [0.01, 0, 4],
    [0.01, 0.3, 8],
    [0.03, 0.5, 4],
    [0.03, 0.5, 16],
    [0.2, 0.3, 4],
    [0.2, 0.3, 32],
  ])("covers a rate of %f that varies by %f over %i draws in ≥ 93 %% of cases", (rate, spread, draws) => {
    const block = 64;
    const cases = 600;
    let covered = 0;
    for (let seed = 0; seed < cases; seed++) {
      const one = drawsOf(seed, rate, spread, block);
      const { low, high } = placeInterval(
        Float32Array.from({ length: draws }, (_, s) => one(s)),
        block,
      );
      if (low! <= rate && rate <= high!) covered++;
    }
    expect(covered / cases).toBeGreaterThanOrEqual(0.93);
  });

  test("no error in n images leaves 3/n open, and one draw everything", () => {
    const { value, low, high } = placeInterval(new Float32Array(4), 64);
    expect(value).toBe(0);
    expect(high).toBeCloseTo(3 / 256, 4);
    expect(low).toBeCloseTo(-3 / 256, 4);
    expect(placeInterval(new Float32Array(1), 64)).toEqual({ value: 0, low: null, high: null });
  });

  test("shares stay shares", () => {
    expect(placeInterval(Float32Array.of(1, 0.5), 8)).toMatchObject({ high: 1, low: -1 });
  });
});

const options: SampleOptions = {
  alphas: alphaGrid(3),
  ratios: [0, 0.1, 1],
  epsilons: [0.05],
  span: 1,
  block: 64,
  images: 512,
  maxDraws: 32,
  refine: 0,
};

describe("sampling a map", () => {
  test("the mean over draws is the mean over noise and images, without bias", async () => {
    // Image i is wrong when its margin t_i is below r z; all images of a block share z, blocks are those of a random order.
    const images = 96;
    const block = 16;
    const margins = Array.from({ length: images }, (_, i) => 0.3 + i / 60);
    const ratio = 0.8;
    const truth = margins.reduce((sum, t) => sum + normalCumulative(-t / ratio), 0) / images;
    const estimates: number[] = [];
    for (let seed = 0; seed < 1500; seed++) {
      const order = stream(seed, "order").permutation(images);
      const look = lookOf((place, draw) => {
        const z = stream(seed, "noise", draw).normal();
        let wrong = 0;
        for (let j = 0; j < block; j++)
          if (margins[order[((draw * block) % images) + j]!]! < place.ratio * z) wrong++;
        return wrong / block;
      });
      const [place] = await sampleMap(look, {
        ...options,
        alphas: [1],
        ratios: [ratio],
        block,
        images,
        maxDraws: 4,
      });
      estimates.push(meanOf(place!.excess));
    }
    const mean = estimates.reduce((sum, one) => sum + one, 0) / estimates.length;
    const variance = estimates.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (estimates.length - 1);
    expect(Math.abs(mean - truth)).toBeLessThan(3 * Math.sqrt(variance / estimates.length));
  });

  test("an early stop is wrong in at most 5 % of places, however near the rate is to ε", async () => {
    const ratios = [0.03, 0.04, 0.045, 0.055, 0.06, 0.075];
    const wrong = ratios.map(() => 0);
    const early = ratios.map(() => 0);
    const cases = 500;
    for (let seed = 0; seed < cases; seed++) {
      // The ratio is the place's true rate here.
      const look = lookOf(({ ratio }, draw) => drawsOf(seed, ratio, 0.4, 64)(draw));
      const places = await sampleMap(look, { ...options, alphas: [1], ratios, images: 1e6 });
      for (const [i, place] of places.entries()) {
        if (place.excess.length >= 32) continue;
        early[i]!++;
        if (meanOf(place.excess) <= 0.05 !== ratios[i]! <= 0.05) wrong[i]!++;
      }
    }
    for (const [i, count] of wrong.entries())
      expect(count / cases, `rate ${ratios[i]}`).toBeLessThanOrEqual(0.05);
    // Far from ε most stop early: that is what it is for.
    expect(early[0]! / cases).toBeGreaterThan(0.3);
  });

  test("what is clearly out, or clearly within, needs no more than the first round", async () => {
    const look = lookOf(({ ratio }, draw) => (ratio > 0.5 ? 0.7 + 0.02 * Math.sin(draw) : 0));
    const places = await sampleMap(look, options);
    // 4 draws of 64 images without an error: certain of 5 % at the stricter level too.
    // Without noise every block is looked at: that place is the others' control.
    // The place where the ball ends gives the radius, and is looked at to the end; μ is 0 here.
    expect(places.map(({ excess }) => excess.length)).toEqual(
      places.map(({ alpha, ratio }) => (ratio === 0 ? 8 : alpha === 1 && ratio === 0.1 ? 32 : 4)),
    );
  });

  test("the places that give μ and the radius are confirmed, until the ones found have their draws or looks are spent", async () => {
    // At ratio 0.4 the first eight draws are lucky. α = ½ takes less noise than α = 1, but has a smaller μ.
    const look = () =>
      lookOf(({ alpha, ratio }, draw) =>
        alpha < 0.5 ? 0.9 : ratio === 0.4 ? (draw < 8 ? 0 : 0.5) : ratio > 0.2 * alpha + 0.1 ? 0.9 : 0,
      );
    const wanted = { ...options, ratios: [0, 0.1, 0.2, 0.3, 0.4], images: 64 };
    const drawsAt = (places: Awaited<ReturnType<typeof sampleMap>>) =>
      new Map(places.map(({ alpha, ratio, excess }) => [`${alpha} ${ratio}`, excess.length]));
    const places = await sampleMap(look(), wanted);
    const draws = drawsAt(places);
    expect(draws.get("0.5 0.4")).toBe(32);
    expect(draws.get("0.5 0.2")).toBe(32);
    expect(draws.get("1 0.3")).toBe(32);
    expect(draws.get("0.5 0.1")).toBe(4);
    expect(draws.get("0.5 0.3")).toBe(4);
    const spent = places.reduce((sum, { excess }) => sum + excess.length, 0);
    const capped = await sampleMap(look(), { ...wanted, mostLooks: spent - 1 });
    expect(capped.reduce((sum, { excess }) => sum + excess.length, 0)).toBeLessThan(spent);
    expect(drawsAt(capped).get("1 0.3")).toBe(4);
  });

  test("what one ε knows and another does not goes on", async () => {
    const look = lookOf((_, draw) => 0.03 + 0.02 * Math.sin(7 * draw));
    const places = await sampleMap(look, { ...options, epsilons: [0.3, 0.03], ratios: [0.1] });
    expect(places.every(({ excess }) => excess.length === 32)).toBe(true);
    const ones = await sampleMap(look, { ...options, epsilons: [0.3], ratios: [0.1] });
    // The least noise at α = 0 gives μ here, and α = 1 the radius: both are confirmed.
    expect(ones.map(({ excess }) => excess.length)).toEqual([32, 4, 32]);
  });

  test("without noise it stops when all images were seen, and is exact", async () => {
    const look = lookOf((_, draw) => (draw % 2 === 0 ? 0.2 : -0.1));
    const map = await toyMap(look, { ...options, ratios: [0, 0.1] });
    for (const { ratio, excess } of map.places) expect(excess.length).toBe(ratio === 0 ? 8 : 32);
  });

  test("all open places of a draw are looked at together, once, in order", async () => {
    const draws: number[] = [];
    const seen = new Set<string>();
    await sampleMap(
      {
        look(draw, places) {
          draws.push(draw);
          for (const { alpha, ratio } of places) {
            const key = `${alpha} ${ratio} ${draw}`;
            expect(seen.has(key)).toBe(false);
            seen.add(key);
          }
          const excess = Float32Array.from(places, () => 0.05 + 0.04 * Math.sin(3 * draw));
          return Promise.resolve({ excess, lossExcess: excess });
        },
      },
      { ...options, maxDraws: 12 },
    );
    // First all blocks without noise, then the draws with it.
    const blocks = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(draws).toEqual([...blocks, ...blocks, 8, 9, 10, 11]);
  });

  test("images that are hard with and without noise do not count as spread, and the mean stays unbiased", async () => {
    const blocks = 8;
    const truth = 0.3 + 0.02;
    const raw: number[] = [];
    const found: number[] = [];
    for (let seed = 0; seed < 400; seed++) {
      // Blocks differ by far more than noise does; their order is random from seed to seed.
      const order = stream(seed, "order", "blocks").permutation(blocks);
      const look = lookOf(({ ratio }, draw) => {
        const hard = 0.3 + 0.1 * (order[draw % blocks]! - (blocks - 1) / 2);
        return ratio === 0 ? hard : hard + 0.02 + 0.005 * noiseOf(seed, draw, 1)[0]!;
      });
      const wanted = { ...options, alphas: [0, 1], ratios: [0, 0.1], epsilons: [0.25] };
      const own = (await sampleMap(look, wanted)).find(({ ratio }) => ratio > 0)!;
      const { places } = await toyMap(look, wanted);
      const place = places.find(({ ratio }) => ratio > 0)!;
      raw.push(meanOf(own.excess));
      found.push(meanOf(place.excess));
      // Certain after the first rounds, which it would not be by its own draws.
      expect(place.excess.length).toBeLessThanOrEqual(8);
    }
    const spread = (all: number[]): number =>
      Math.sqrt(all.reduce((sum, one) => sum + (one - truth) ** 2, 0) / all.length);
    expect(spread(found)).toBeLessThan(0.01);
    expect(spread(raw)).toBeGreaterThan(5 * spread(found));
    const mean = found.reduce((sum, one) => sum + one, 0) / found.length;
    expect(Math.abs(mean - truth)).toBeLessThan((3 * spread(found)) / Math.sqrt(found.length));
  });

  test("a cap on looks holds, and the looks go to the places nearest to the minimum", async () => {
    // Open everywhere: within ε up to α-dependent noise, with draws that scatter.
    const excess = (ratio: number, draw: number): number => 0.05 * ratio + 0.05 * Math.sin(5 * draw + ratio);
    const grid = { ...options, alphas: alphaGrid(5), ratios: [0, 0.2, 0.5, 0.9, 1.1, 2] };
    const full = lookOf(({ ratio }, draw) => excess(ratio, draw));
    await sampleMap(full, grid);
    const capped = lookOf(({ ratio }, draw) => excess(ratio, draw));
    const seen: [number, number][] = [];
    const places = await sampleMap(capped, {
      ...grid,
      mostLooks: 250,
      refine: 2,
      progress: (done, total) => seen.push([done, total]),
    });
    expect(full.asked.length).toBeGreaterThan(250);
    expect(capped.asked.length).toBeLessThanOrEqual(250);
    expect(
      seen.every(([done, total], i) => done <= total && total <= 250 && (i === 0 || done > seen[i - 1]![0])),
    ).toBe(true);
    expect(seen.at(-1)![0]).toBe(capped.asked.length);
    expect(new Set(places.map((place) => place.excess.length)).size).toBeGreaterThan(1);
    const again = lookOf(({ ratio }, draw) => excess(ratio, draw));
    expect(await sampleMap(again, { ...grid, mostLooks: 250, refine: 2 })).toEqual(places);
  });

  test("a cap too small for a map still gives two draws everywhere", async () => {
    const look = lookOf(() => 0.05);
    const places = await sampleMap(look, { ...options, mostLooks: 3, refine: 3 });
    expect(places.map(({ excess }) => excess.length)).toEqual(places.map(() => 2));
  });

  test("options that do not fit are refused, and a signal stops it", async () => {
    const look = lookOf(() => 0);
    await expect(sampleMap(look, { ...options, epsilons: [] })).rejects.toThrow(
      "ε expected at least one number",
    );
    await expect(sampleMap(look, { ...options, epsilons: [-1] })).rejects.toThrow("got -1");
    await expect(sampleMap(look, { ...options, maxDraws: 1 })).rejects.toThrow("at least 2, got 1");
    await expect(sampleMap(look, { ...options, alphas: [] })).rejects.toThrow("at least one α");
    await expect(sampleMap(look, { ...options, signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    expect(look.asked).toEqual([]);
  });
});

test("an interval on one side of ε decides", () => {
  expect(verdictOf({ value: 0, low: -0.1, high: 0.01 }, 0.01)).toBe("yes");
  expect(verdictOf({ value: 0.1, low: 0.02, high: 0.2 }, 0.01)).toBe("no");
  expect(verdictOf({ value: 0.1, low: 0.005, high: 0.2 }, 0.01)).toBe("open");
  expect(verdictOf({ value: 0.1, low: null, high: null }, 0.01)).toBe("open");
});
