import { ScopeError } from "../base/error.ts";
import { infoOf } from "./cache.node.ts";
import { adaptImages, adaptSums } from "./adapt.ts";
import { openFolder } from "./folder.node.ts";
import { openSet } from "./prepare.node.ts";
import type { PreparedFile, PreparedHeader } from "./prepared.node.ts";
import { drawStratified, indicesOf, without } from "./select.ts";
import { checkDataSpec, chosenClasses, chosenShape, definitionOf, folderOf } from "./spec.ts";
import { addSums, momentsOf, noSums, sumsOf, type Sums } from "./stats.ts";
import { stopIfAborted } from "./stop.ts";
import { normaliserOf } from "./transforms/normalise.ts";
import { shuffleImages, shuffleSources } from "./transforms/shuffle.ts";
import type { DataEnv, DataSpec, ImageShape, LoadedData, PreparedInfo, Split } from "./types.ts";

export { defaultCache } from "./cache.node.ts";

/** What a spec comes to, before any image is read: for dry runs, and for building networks of the right size. */
export interface DataPlan extends ImageShape {
  readonly classes: readonly string[];
  readonly counts: { readonly train: number; readonly validation: number; readonly test: number };
  readonly fingerprint: string;
  readonly prepared: PreparedInfo;
}

/** A spec made definite: which images of the file, under which labels. */
interface Choice {
  readonly file: PreparedFile;
  readonly classes: readonly string[];
  /** New label of each of the set's labels; −1 for classes that are not chosen. */
  readonly relabel: Int32Array;
  readonly shape: ImageShape;
  /** All training images of the chosen classes. */
  readonly pool: Int32Array;
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
  readonly labels: { readonly train: Int32Array; readonly test: Int32Array };
}

async function openFor(
  spec: DataSpec,
  env: DataEnv,
): Promise<{ file: PreparedFile; prepared: PreparedInfo }> {
  const folder = folderOf(spec.set);
  const { file, path, cached } =
    folder === undefined
      ? await openSet(spec.set, env)
      : await openFolder(folder, { height: spec.height, width: spec.width, fit: spec.fit ?? "crop" }, env);
  if (spec.fingerprint !== undefined && spec.fingerprint !== file.fingerprint) {
    await file.close();
    throw new ScopeError("data", `${spec.set} holds other images than when this was planned`, {
      hint: "run the command again: what depends on them is computed anew",
    });
  }
  const expected = folder === undefined ? definitionOf(spec.set).fingerprint : undefined;
  return { file, prepared: infoOf(file, path, cached, expected) };
}

async function choose(spec: DataSpec, file: PreparedFile): Promise<Choice> {
  const { header } = file;
  const groups = folderOf(spec.set) === undefined ? definitionOf(spec.set).groups : {};
  const classes = chosenClasses(spec, { ...header, groups });
  const shape = chosenShape(spec, header);
  if (spec.shuffle !== undefined) shuffleSources(shape, spec.shuffle.block, spec.shuffle.seed);
  const old = classes.map((name) => header.classes.indexOf(name));
  const relabel = new Int32Array(header.classes.length).fill(-1);
  for (const [label, before] of old.entries()) relabel[before] = label;
  const labels = { train: await file.labels("train"), test: await file.labels("test") };
  const { trainSize, validation = 0, testSize, subsetSeed = 0, splitSeed = 0 } = spec;
  const pool = indicesOf(labels.train, old);
  const subset =
    trainSize === undefined
      ? undefined
      : drawStratified(
          labels.train,
          pool,
          old,
          trainSize,
          "balanced",
          subsetSeed,
          "subset",
          `${spec.set}: trainSize`,
        );
  const rest = subset === undefined ? pool : without(pool, subset);
  const what = `${spec.set}: validation, after trainSize`;
  const held = drawStratified(labels.train, rest, old, validation, "proportional", splitSeed, "split", what);
  const all = indicesOf(labels.test, old);
  const test =
    testSize === undefined
      ? all
      : drawStratified(
          labels.test,
          all,
          old,
          testSize,
          "proportional",
          subsetSeed,
          "subset",
          `${spec.set}: testSize`,
        );
  const train = subset ?? without(pool, held);
  return { file, classes, relabel, shape, pool, train, validation: held, test, labels };
}

/**
 * Checks a spec against its set and counts its images, without reading them. Prepares the set if necessary.
 * @throws {ScopeError} as `loadData`
 */
export async function planData(spec: DataSpec, env: DataEnv): Promise<DataPlan> {
  const checked = checkDataSpec(spec);
  const { file, prepared } = await openFor(checked, env);
  try {
    const { classes, shape, train, validation, test } = await choose(checked, file);
    const counts = { train: train.length, validation: validation.length, test: test.length };
    return { ...shape, classes, counts, fingerprint: file.fingerprint, prepared };
  } finally {
    await file.close();
  }
}

/**
 * The images a spec asks for, ready for batches: chosen, adapted, shuffled, with the statistics to normalise them by.
 * Prepares the set if it is not in the cache. The same spec gives the same bytes on every machine.
 *
 * Images stay in the order of the set, and labels count within the chosen classes. `trainSize` takes as many of each
 * class as possible; `validation` is drawn from what is left, in proportion; `testSize` in proportion. All images are
 * shuffled by the same permutation.
 * @throws {ScopeError} usage, for a spec that the set cannot meet; data, format, io, when the set cannot be had or is
 * damaged; cancelled
 */
export async function loadData(spec: DataSpec, env: DataEnv): Promise<LoadedData> {
  const checked = checkDataSpec(spec);
  const { file } = await openFor(checked, env);
  try {
    return await read(checked, await choose(checked, file), env);
  } finally {
    await file.close();
  }
}

/** Gathers the images of `indices` into one array, in their order, whatever order they come in. */
interface Gathering {
  readonly indices: Int32Array;
  readonly images: Uint8Array;
  /** Takes image `index` of the part; one that is not among `indices` is passed over. */
  put(index: number, image: Uint8Array): void;
}

function gather(indices: Int32Array, imageBytes: number): Gathering {
  const images = new Uint8Array(indices.length * imageBytes);
  const rows = new Map<number, number>();
  for (const [row, index] of indices.entries()) rows.set(index, row);
  return {
    indices,
    images,
    put(index, image) {
      const row = rows.get(index);
      if (row !== undefined) images.set(image, row * imageBytes);
    },
  };
}

async function read(spec: DataSpec, choice: Choice, env: DataEnv): Promise<LoadedData> {
  const { file, shape, pool, classes, relabel } = choice;
  const { header, fingerprint } = file;
  const fit = spec.fit ?? "crop";
  const plane = shape.height * shape.width;
  const size = shape.channels * plane;
  const before = header.channels * header.height * header.width;

  async function fill(
    part: "train" | "test",
    indices: Int32Array,
    into: readonly Gathering[],
    measure: (adapted: Uint8Array) => void = () => undefined,
  ): Promise<void> {
    await file.images(part, indices, (piece, position) => {
      stopIfAborted(env.signal, `loading ${spec.set}`);
      const adapted = adaptImages(piece, header, shape, fit);
      measure(adapted);
      for (let i = 0; i < piece.length / before; i++) {
        const image = adapted.subarray(i * size, (i + 1) * size);
        for (const gathering of into) gathering.put(indices[position + i]!, image);
      }
    });
  }

  const train = gather(choice.train, size);
  const validation = gather(choice.validation, size);
  const test = gather(choice.test, size);
  const known = adaptSums(sumsOfClasses(header, relabel), header, shape, fit);
  let sums = known ?? noSums(shape.channels);
  if (known === undefined) {
    // Where pixels change, the statistics of all the pool need all the pool's images.
    await fill("train", pool, [train, validation], (adapted) => {
      sums = addSums(sums, sumsOf(adapted, shape.channels, plane));
    });
  } else {
    const needed = Int32Array.from([...choice.train, ...choice.validation]).sort();
    await fill("train", needed, [train, validation]);
  }
  await fill("test", choice.test, [test]);

  const { mean, std } = momentsOf(sums);
  const { shuffle } = spec;
  const shuffled =
    shuffle !== undefined && !(shuffle.block === shape.height && shuffle.block === shape.width);
  const from = shuffled ? shuffleSources(shape, shuffle.block, shuffle.seed) : undefined;
  const finish = ({ indices, images }: Gathering, labels: Int32Array): Split => ({
    count: indices.length,
    images: from === undefined ? images : shuffleImages(images, from),
    labels: indices.map((index) => relabel[labels[index]!]!),
  });
  return {
    classes,
    ...shape,
    train: finish(train, choice.labels.train),
    validation: finish(validation, choice.labels.train),
    test: finish(test, choice.labels.test),
    mean,
    std,
    normaliser: normaliserOf(shape, mean, std, from),
    shuffled,
    fingerprint,
  };
}

/** Sums over all training images of the chosen classes, from the file's header. */
function sumsOfClasses({ sums, channels }: PreparedHeader, relabel: Int32Array): Sums {
  return sums.filter((_, label) => relabel[label]! >= 0).reduce(addSums, noSums(channels));
}
