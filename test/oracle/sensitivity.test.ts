import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { withWeights } from "../../src/autodiff/flat.ts";
import { openRuntime } from "../../src/runtime/ort.node.ts";
import { openModule, type StatisticsOf } from "../../src/sensitivity/module-run.ts";
import { moduleScale } from "../../src/sensitivity/scale.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import type { ImageSource } from "../../src/train/evaluate.ts";
import { readRecorded } from "../kit/networks.ts";

/** Places of networks as PyTorch computed them: see sensitivity/make.py. */
interface Recorded {
  readonly network: string;
  readonly statistics: StatisticsOf;
  readonly images: number;
  readonly labels: readonly number[];
  readonly final: { readonly wrong: number; readonly loss: number };
  readonly places: readonly {
    readonly module: string;
    readonly parameters: readonly string[];
    readonly alpha: number;
    readonly ratio: number;
    readonly noise: "isotropic" | "per-tensor";
    readonly wrong: number;
    readonly loss: number;
  }[];
}

const folder = fileURLToPath(new URL("sensitivity/", import.meta.url));
const files = readdirSync(folder).filter((file) => file.endsWith(".json"));

/** The integer hash of make.py as numbers of mean 0 and variance 1. */
function draw(key: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    let h = Math.imul(i + 1, 0x9e3779b9) + Math.imul(key, 0x85ebca77);
    h ^= h >>> 16;
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
    return ((h >>> 0) / 2 ** 32 - 0.5) * Math.sqrt(12);
  });
}

function rms(arrays: readonly Float32Array[]): number {
  let square = 0;
  let count = 0;
  for (const values of arrays) {
    for (const value of values) square += value * value;
    count += values.length;
  }
  return Math.sqrt(square / count);
}

/** The initial value of a tensor, as in make.py. */
function initialOf(name: string, final: Float32Array, index: number): Float32Array {
  const noise = draw(1000 + index, final.length);
  const size = 0.5 * rms([final]);
  return final.map((value, i) =>
    name.endsWith("running_var") ? value * (1.25 + 0.25 * noise[i]!) : 0.3 * value + size * noise[i]!,
  );
}

describe.each(files)("%s: modules moved and shaken, against PyTorch", (file) => {
  const recorded = JSON.parse(readFileSync(`${folder}${file}`, "utf8")) as Recorded;

  test.each(recorded.places.map((place, number) => ({ ...place, number })))(
    "$module at α = $alpha, r = $ratio ($noise)",
    async ({ module, parameters, alpha, ratio, noise, number, wrong, loss }) => {
      const { model, group, io } = await readRecorded(recorded.network);
      const weights = group("param");
      const index = new Map([...weights.keys()].toSorted().map((name, i) => [name, i]));
      // Statistics are the module's own, too: interpolated, never shaken.
      const inside = [...weights.keys()].filter((name) => name.startsWith(`${module}.`));
      const trained = new Set(parameters);

      const size = sizeOf([io.channels, io.height, io.width]);
      const pixels = draw(0, recorded.images * size);
      const images: ImageSource = {
        count: recorded.images,
        labels: recorded.labels,
        fill: (into, from, count) => into.set(pixels.subarray(from * size, (from + count) * size)),
      };
      const opened = await openModule(await openRuntime(), withWeights(model.graph, weights), inside, {
        block: recorded.images,
        batch: 16,
        statistics: recorded.statistics,
      });
      const into = {
        losses: new Float32Array(recorded.images),
        correct: new Uint8Array(recorded.images),
      };
      const block = await opened.block(images, 0, recorded.images);
      const vector = (of: (name: string) => Float32Array): Float32Array =>
        Float32Array.from(opened.layout.names.flatMap((name) => [...of(name)]));
      const finalOf = (name: string): Float32Array => weights.get(name)!.data as Float32Array;
      const final = vector(finalOf);
      const scale = moduleScale(
        opened.layout,
        vector((name) => initialOf(name, finalOf(name), index.get(name)!)),
        final,
        { noise, seed: 0, statistics: new Set(inside.filter((name) => !trained.has(name))) },
      );
      const z = vector((name) => draw(2000 + 100 * number + index.get(name)!, finalOf(name).length));
      const measure = async (weightsOfModule: Float32Array) => {
        await opened.run(block, weightsOfModule, into);
        return {
          wrong: into.correct.filter((right) => right === 0).length,
          loss: into.losses.reduce((sum, value) => sum + value, 0) / recorded.images,
        };
      };
      scale.place({ alpha, ratio }, z, opened.weights);
      const there = await measure(opened.weights);
      const back = await measure(final);
      await opened.release();
      expect(there.wrong).toBe(wrong);
      expect(Math.abs(there.loss - loss)).toBeLessThan(1e-5 * Math.max(1, loss));
      expect(back.wrong).toBe(recorded.final.wrong);
      expect(Math.abs(back.loss - recorded.final.loss)).toBeLessThan(1e-5);
    },
  );
});
