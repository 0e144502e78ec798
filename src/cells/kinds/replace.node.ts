import { z } from "zod";
import { flatLayout, flatten } from "../../autodiff/flat.ts";
import type { Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { imageSource } from "../../data/batch.ts";
import { dataSpecSchema } from "../../data/spec.ts";
import type { LoadedData } from "../../data/types.ts";
import type { Graph } from "../../graph/graph.ts";
import { hasRunningStatistics } from "../../repair/renormalize.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device, Runtime } from "../../runtime/session.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import { openModule, type StatisticsOf } from "../../sensitivity/module-run.ts";
import { pairedExcess } from "../../sensitivity/paired.ts";
import type { Interval } from "../../sensitivity/types.ts";
import type { CellContext, CellKind } from "../../sweep/kind.ts";
import { tensor, type Tensor } from "../../tensor/tensor.ts";
import type { ImageSource } from "../../train/evaluate.ts";
import { type Family, familyOf, imagesOf } from "../inputs.node.ts";
import { openSources, type WeightSources } from "../replacement-sources.node.ts";
import { mixedImages } from "../some-images.ts";
import { multiplyAddsPerSecond, usualMultiplyAdds } from "../speed.ts";

/** Where the weights come from that take the place of the final ones. */
export const sourceSchema = z.discriminatedUnion("kind", [
  /** Those of an input of the cell: "initial". */
  z.strictObject({ kind: z.literal("input"), input: z.string() }),
  /** All parameters 0; running statistics stay as they are. */
  z.strictObject({ kind: z.literal("zero") }),
  /** Drawn anew from what the network was initialised with. */
  z.strictObject({ kind: z.literal("fresh"), seed: z.int().min(0) }),
  /** Those that the training run `final` kept after so many updates. */
  z.strictObject({ kind: z.literal("kept"), step: z.int().min(0) }),
  /** (1 − α)·initial + α·final. */
  z.strictObject({ kind: z.literal("between"), alpha: z.number() }),
]);
export type ReplacementSource = z.infer<typeof sourceSchema>;

const replacementSchema = z.strictObject({
  label: z.string(),
  /** Names of the tensors that are replaced, all others stay final. */
  parameters: z.array(z.string()).min(1),
  /** Running statistics that are replaced too, where they are kept. */
  statistics: z.array(z.string()),
  source: sourceSchema,
});

const split = z.strictObject({
  /** Images of the split, spread evenly over it; absent: all. */
  images: z.int().positive().optional(),
});

/** Parameters of a replace cell; its inputs are `final` and, where a source needs it, `initial`. */
export const replaceParams = z.strictObject({
  replacements: z.array(replacementSchema).min(1),
  data: dataSpecSchema,
  splits: z.strictObject({ train: split.optional(), test: split.optional() }),
  statistics: z.enum(["kept", "of the images"]),
  /** Images at a time; with statistics of the images, those that statistics are of. */
  block: z.int().positive(),
  /** Multiply–adds of the network for one image: only for estimates of time. */
  multiplyAdds: z.number().min(0).optional(),
});
export type ReplaceParams = z.infer<typeof replaceParams>;
export type Replacement = ReplaceParams["replacements"][number];

/** A network on one split. */
export interface ReplaceScore {
  readonly images: number;
  /** Images it gets wrong. */
  readonly errors: number;
  /** Nats per image; null where one image's is not a number. */
  readonly loss: number | null;
}

/** A changed network on one split. */
export interface ChangedScore extends ReplaceScore {
  /** Images that only the changed network gets wrong, and those that only the final one does. */
  readonly lost: number;
  readonly gained: number;
  /** Error minus that of the final network on the same images; paired, 95 % over images. */
  readonly excess: Interval;
}

type SplitName = "train" | "test";
export type BySplit<T> = Partial<Record<SplitName, T>>;

/** What a replace cell gives as its result; the correctness of every image is in its file. */
export interface ReplaceResult {
  readonly final: BySplit<ReplaceScore>;
  /** Parallel to the parameters' `replacements`. */
  readonly replacements: readonly ({ readonly label: string } & BySplit<ChangedScore>)[];
  /** What batch norm was given; "none": the network has none with running statistics. */
  readonly statistics: StatisticsOf | "none";
}

export const correctFile = "correct.safetensors";

/** Seconds that all replacements of a cell take, as far as parameters tell. */
export function secondsPerReplacement({
  data,
  splits,
  multiplyAdds = usualMultiplyAdds,
}: {
  readonly data: { readonly trainSize?: number | undefined; readonly testSize?: number | undefined };
  readonly splits: ReplaceParams["splits"];
  readonly multiplyAdds?: number | undefined;
}): number {
  const images =
    (splits.train ? (splits.train.images ?? data.trainSize ?? 50_000) : 0) +
    (splits.test ? (splits.test.images ?? data.testSize ?? 10_000) : 0);
  return images * (multiplyAdds / multiplyAddsPerSecond + 2e-5);
}

/** Looks at a network with some of its weights replaced. */
export const replaceCell: CellKind = {
  kind: "replace",
  version: 1,
  estimate(raw) {
    const params = replaceParams.parse(raw);
    // One more: the final network.
    return { seconds: 0.8 + (params.replacements.length + 1) * secondsPerReplacement(params) };
  },
  run,
};

/** Losses and correctness of every image of a split. */
interface Seen {
  readonly losses: Float32Array;
  readonly correct: Uint8Array;
}

async function run(context: CellContext): Promise<Json> {
  const params = replaceParams.parse(context.params);
  const { replacements } = params;
  if (params.splits.train === undefined && params.splits.test === undefined)
    throw new ScopeError("usage", "replacements are looked at on training or test images: name a split");
  const data = await imagesOf(params.data, context);
  const inputs = ["final", ...Object.keys(context.spec.inputs).filter((name) => name !== "final")];
  const family = await familyOf(context, inputs, { images: data, set: params.data.set });
  const weights = await openSources(context.input("final"), family, inputs);
  const sources = sourcesOf(params, data);
  const runtime = await openRuntime(context.device as Device);
  const running = hasRunningStatistics(family.graph);
  const statistics = running ? params.statistics : "kept";
  const { signal } = context;

  const images = [...sources.values()].reduce((sum, source) => sum + source.count, 0);
  let done = 0;
  const groups = grouped(replacements, statistics);
  const total = images * (replacements.length + 1);
  const progress = (more: number): void => {
    done += more;
    context.progress({ done, total, unit: "images" });
  };

  const final = new Map<SplitName, Seen>();
  const changed = replacements.map(() => new Map<SplitName, Seen>());
  for (const { names, members } of groups) {
    const vectors = await Promise.all(
      members.map((member) => vectorOf(family, names, weights, replacements[member]!)),
    );
    const last = finalVector(family, names);
    for (const [split, source] of sources) {
      // Once a cell: other groups cut the network elsewhere, and their sessions may round otherwise.
      const look = async (some: readonly Float32Array[]): Promise<readonly Seen[]> =>
        lookAt(runtime, family.graph, names, some, source, {
          block: params.block,
          statistics,
          signal,
          progress,
        });
      const moved = members.filter((_, i) => !equal(vectors[i]!, last));
      const wanted = moved.map((member) => vectors[members.indexOf(member)]!);
      const known = final.get(split);
      const seen = await look(known === undefined ? [last, ...wanted] : wanted);
      const now = known ?? seen[0]!;
      final.set(split, now);
      // What has not changed is the final network, in every bit.
      for (const member of members) changed[member]!.set(split, now);
      moved.forEach((member, i) => changed[member]!.set(split, seen[i + (known === undefined ? 1 : 0)]!));
    }
  }

  await writeSafetensors(`${context.dir}/${correctFile}`, tensorsOf(final, changed), {}, { overwrite: true });
  const result: ReplaceResult = {
    final: Object.fromEntries([...final].map(([split, seen]) => [split, scoreOf(seen)])),
    replacements: replacements.map(({ label }, i) => ({
      label,
      ...Object.fromEntries(
        [...changed[i]!].map(([split, seen]) => [split, changedScore(seen, final.get(split)!)]),
      ),
    })),
    statistics: running ? params.statistics : "none",
  };
  return result as unknown as Json;
}

function sourcesOf({ splits, data: spec }: ReplaceParams, data: LoadedData): Map<SplitName, ImageSource> {
  const sources = new Map<SplitName, ImageSource>();
  for (const name of ["train", "test"] as const) {
    const wanted = splits[name];
    if (wanted === undefined) continue;
    if (data[name].count === 0) throw new ScopeError("data", `${spec.set} has no ${name} images to look at`);
    // In a fixed random order: statistics may be those of a block.
    sources.set(name, imageSource(mixedImages(data[name], wanted.images), data));
  }
  return sources;
}

interface Group {
  readonly names: readonly string[];
  /** Places among the replacements. */
  readonly members: number[];
}

/** Replacements of the same tensors share one cut of the network and the activations before it. */
function grouped(replacements: readonly Replacement[], statisticsOf: StatisticsOf): Group[] {
  const groups = new Map<string, Group>();
  for (const [i, { parameters, statistics }] of replacements.entries()) {
    const names = [...parameters, ...(statisticsOf === "kept" ? statistics : [])];
    const key = names.join("\n");
    const found = groups.get(key);
    if (found === undefined) groups.set(key, { names, members: [i] });
    else found.members.push(i);
  }
  return [...groups.values()];
}

async function vectorOf(
  { graph }: Family,
  names: readonly string[],
  weights: WeightSources,
  { source, statistics }: Replacement,
): Promise<Float32Array> {
  const layout = flatLayout(graph, names);
  const vector = new Float32Array(layout.size);
  const held = new Set(statistics);
  for (const [i, name] of names.entries())
    await weights.fill(
      source,
      name,
      held.has(name),
      vector.subarray(layout.offsets[i]!, layout.offsets[i + 1]!),
    );
  return vector;
}

function finalVector({ graph, networks }: Family, names: readonly string[]): Float32Array {
  return flatten(flatLayout(graph, names), networks[0]!.weights);
}

function equal(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => value === b[i]);
}

interface LookOptions {
  readonly block: number;
  readonly statistics: StatisticsOf;
  readonly signal: AbortSignal;
  readonly progress: (images: number) => void;
}

/** The network with each of these vectors in place of its tensors `names`, on all images of a source. */
async function lookAt(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  vectors: readonly Float32Array[],
  source: ImageSource,
  { statistics, signal, progress, block }: LookOptions,
): Promise<readonly Seen[]> {
  if (vectors.length === 0) return [];
  const size = Math.min(block, source.count);
  // Every block is looked at once: nothing needs to be kept.
  const open = await openModule(runtime, graph, names, { block: size, statistics, memoryBytes: 0 });
  try {
    const seen = vectors.map((): Seen => ({
      losses: new Float32Array(source.count),
      correct: new Uint8Array(source.count),
    }));
    const into: Seen = { losses: new Float32Array(size), correct: new Uint8Array(size) };
    for (let at = 0; at < source.count; at += size) {
      // The last block begins earlier, so that it is whole: its first images were seen before and are not counted twice.
      const from = Math.min(at, source.count - size);
      const held = await open.block(source, from, size, signal);
      for (const [v, vector] of vectors.entries()) {
        await open.run(held, vector, into, signal);
        seen[v]!.losses.set(into.losses.subarray(at - from), at);
        seen[v]!.correct.set(into.correct.subarray(at - from), at);
        progress(size - (at - from));
      }
    }
    return seen;
  } finally {
    await open.release();
  }
}

function scoreOf({ losses, correct }: Seen): ReplaceScore {
  const loss = losses.reduce((sum, one) => sum + one, 0) / losses.length;
  return {
    images: correct.length,
    errors: correct.reduce((sum, one) => sum + 1 - one, 0),
    loss: Number.isFinite(loss) ? loss : null,
  };
}

function changedScore(seen: Seen, final: Seen): ChangedScore {
  let [lost, gained] = [0, 0];
  for (const [i, right] of seen.correct.entries()) {
    if (right < final.correct[i]!) lost++;
    else if (right > final.correct[i]!) gained++;
  }
  return { ...scoreOf(seen), lost, gained, excess: pairedExcess(lost, gained, seen.correct.length) };
}

/** Correctness of single images: `train.final` [images], `train` [replacements, images]. */
function tensorsOf(
  final: ReadonlyMap<SplitName, Seen>,
  changed: readonly ReadonlyMap<SplitName, Seen>[],
): Map<string, Tensor> {
  return new Map(
    [...final].flatMap(([split, { correct }]): [string, Tensor][] => {
      const images = correct.length;
      const all = new Uint8Array(changed.length * images);
      changed.forEach((seen, i) => all.set(seen.get(split)!.correct, i * images));
      return [
        [`${split}.final`, tensor("uint8", [images], correct)],
        [split, tensor("uint8", [changed.length, images], all)],
      ];
    }),
  );
}
