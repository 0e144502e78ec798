import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { runtime } from "../../../test/kit/ort.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { flatten } from "../../autodiff/flat.ts";
import { imageSource } from "../../data/batch.ts";
import { defaultCache, loadData } from "../../data/load.node.ts";
import { modules } from "../../graph/modules.ts";
import type { Cell } from "../../store/cell.node.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { float32, type Tensor } from "../../tensor/tensor.ts";
import { openEvaluator } from "../../train/evaluate.ts";
import { freshWeights } from "../fresh-weights.node.ts";
import { keptNetworks, networkOf } from "../network.node.ts";
import {
  type Replacement,
  replaceCells,
  type ReplacementSource,
  type ReplacePlan,
  readReplace,
} from "../replace.node.ts";
import { mixedImages } from "../some-images.ts";
import { initialSpec } from "./initial.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const data = { set: "synthetic", trainSize: 40, testSize: 30 };

interface Begun {
  readonly store: Store;
  readonly run: Cell;
  readonly initial: Cell;
}

async function begin(options: TinyOptions = {}): Promise<Begun> {
  const store = await openStore(temporaryFolder());
  const run = await finish(store, tinyTraining({ keep: [0, 2], ...options }));
  return { store, run, initial: await finish(store, await initialSpec(run, store)) };
}

async function seen(
  { store, run, initial }: Begun,
  replacements: Replacement[],
  more: Partial<ReplacePlan> = {},
) {
  const chunks = replaceCells({
    final: run.address,
    initial: initial.address,
    replacements,
    data,
    images: { train: 20, test: 30 },
    statistics: "kept",
    block: 8,
    ...more,
  });
  const all = [];
  for (const { spec } of chunks) all.push(await readReplace(await finish(store, spec)));
  return {
    final: all[0]!.final,
    replacements: all.flatMap((one) => one.replacements),
    statistics: all[0]!.statistics,
  };
}

const sources: ReplacementSource[] = [
  { kind: "input", input: "initial" },
  { kind: "zero" },
  { kind: "fresh", seed: 3 },
  { kind: "kept", step: 0 },
  { kind: "between", alpha: 0.25 },
  { kind: "between", alpha: 1 },
];

describe("a replace cell", () => {
  test("says what the whole network with those weights does, of every image", async () => {
    const begun = await begin();
    const [final, initial] = [await networkOf(begun.run), await networkOf(begun.initial)];
    const kept = (await keptNetworks(begun.run)).find(({ step }) => step === 0)!;
    const fresh = await freshWeights(begun.run, final, 3);
    const parts = modules(final.graph, "block");
    const sets = [
      parts[0]!,
      parts.at(-1)!,
      { parameters: parts.flatMap((one) => one.parameters), statistics: [] },
    ];
    const wanted = sets.flatMap(({ parameters, statistics }) =>
      sources.map((source): Replacement => ({ label: source.kind, parameters, statistics, source })),
    );
    const found = await seen(begun, wanted);
    expect(found.replacements.map(({ label }) => label)).toEqual(wanted.map(({ label }) => label));

    const images = await loadData(data, { cache: defaultCache() });
    const evaluator = await openEvaluator(await runtime(), final.graph, final.names, 30);
    const test = imageSource(mixedImages(images.test), images);
    const before = await evaluator.evaluate(final.vector(), test);
    expect(found.final.test!.correct).toEqual(before.correct);
    for (const [i, { parameters, statistics, source }] of wanted.entries()) {
      const weights = new Map<string, Tensor>(final.weights);
      const values = (name: string): Tensor => {
        const own = final.weights.get(name)!;
        const first = initial.weights.get(name)!;
        if (source.kind === "input") return first;
        if (source.kind === "fresh") return fresh.get(name)!;
        if (source.kind === "kept") return kept.weights.get(name)!;
        if (source.kind === "between")
          return float32(
            own.shape,
            (own.data as Float32Array).map(
              (w, k) => source.alpha * w + (1 - source.alpha) * Number(first.data[k]),
            ),
          );
        return statistics.includes(name) ? own : float32(own.shape, new Float32Array(own.data.length));
      };
      for (const name of [...parameters, ...statistics]) weights.set(name, values(name));
      const truth = await evaluator.evaluate(flatten(evaluator.layout, weights), test);
      const score = found.replacements[i]!.scores.test!;
      expect(score.loss, `${i} ${source.kind}`).toBeCloseTo(truth.loss, 4);
      expect(score.correct).toEqual(truth.correct);
      expect(score.errors / 30).toBeCloseTo(1 - truth.accuracy, 12);
      expect(score.excess.value).toBeCloseTo(before.accuracy - truth.accuracy, 12);
      expect(score.excess.low).toBeLessThanOrEqual(score.excess.value);
      expect(found.replacements[i]!.scores.train!.images).toBe(20);
    }
    await evaluator.release();
    const unchanged = found.replacements.filter(
      ({ source }) => source.kind === "between" && source.alpha === 1,
    );
    expect(unchanged.map(({ scores }) => [scores.test!.lost, scores.test!.gained])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  test("chunks depend on the work; replacements of the same tensors stay together", async () => {
    const begun = await begin();
    const parts = modules((await networkOf(begun.run)).graph, "block");
    const wanted = parts.flatMap(({ parameters, statistics }) =>
      sources.map((source): Replacement => ({ label: source.kind, parameters, statistics, source })),
    );
    const plan: ReplacePlan = {
      final: begun.run.address,
      initial: begun.initial.address,
      replacements: wanted,
      data,
      images: { train: 1000, test: 0 },
      statistics: "kept",
      // About a second each.
      multiplyAdds: 4e7,
    };
    const chunks = replaceCells(plan);
    expect(chunks.map(({ count }) => count)).toEqual([wanted.length]);
    const heavy = replaceCells({ ...plan, multiplyAdds: 4e8 });
    expect(heavy.map(({ count }) => count)).toEqual(wanted.map(() => 1));
    expect(heavy.map(({ from }) => from)).toEqual(wanted.map((_, i) => i));
    const middle = replaceCells({ ...plan, multiplyAdds: 1e8 });
    expect(middle.every(({ from }) => from % sources.length === 0)).toBe(true);
  });

  test("with statistics of the images, in whole blocks; what does not fit is refused", async () => {
    const begun = await begin();
    const [first] = modules((await networkOf(begun.run)).graph, "block");
    const rewind: Replacement = { label: "rewind", ...first!, source: sources[0]! };
    const anew = await seen(begun, [rewind], { statistics: "of the images", block: 16 });
    const kept = await seen(begun, [rewind]);
    expect(anew.statistics).toBe("of the images");
    expect(anew.final.test!.loss).not.toBe(kept.final.test!.loss);
    expect(anew.replacements[0]!.scores.test!.correct).toHaveLength(30);
    await expect(seen(begun, [{ ...rewind, source: { kind: "kept", step: 5 } }])).rejects.toThrow(
      "kept no weights of step 5",
    );
    await expect(seen(begun, [rewind], { images: { train: 0, test: 0 } })).rejects.toThrow("name a split");
    await expect(seen(begun, [rewind], { initial: undefined })).rejects.toThrow('input "initial"');
  });
});
