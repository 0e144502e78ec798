import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { emojiClasses } from "../emoji.ts";
import { sets } from "../spec.ts";
import type { DecodeTools, Pixels } from "../types.ts";
import { cifar10 } from "./cifar10.ts";
import { emojiGoogle } from "./emoji-google.ts";
import { mnist } from "./mnist.ts";
import { openclipart12 } from "./openclipart-12.ts";
import { synthetic } from "./synthetic.ts";

/** Tools whose image decoder is given; everything else is real enough. */
function tools(
  image: (name: string) => Pixels = () => ({ width: 0, height: 0, channels: 3, data: new Uint8Array(0) }),
): DecodeTools {
  return {
    image: async (_, name) => image(name),
    gunzip: async (bytes) => bytes,
    sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
    progress: () => undefined,
  };
}

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

describe.each(Object.entries(sets))("%s", (name, set) => {
  test("says what it is, without contradiction", () => {
    expect(set.name).toBe(name);
    expect(set.title).not.toBe("");
    expect(set.licence).not.toBe("");
    expect(new Set(set.classes).size).toBe(set.classes.length);
    expect(set.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(set.counts.train).toBeGreaterThan(0);
    for (const [group, members] of Object.entries(set.groups)) {
      expect(set.classes).not.toContain(group);
      for (const member of members) expect(set.classes).toContain(member);
    }
    if (set.source.kind === "npm") expect(set.source.integrity).toMatch(/^sha512-[\w+/]{86}==$/);
    if (set.source.kind === "deb") expect(set.source.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(set.wants("package.json")).toBe(false);
    expect(set.wants("../../etc/passwd")).toBe(false);
  });

  test("names a missing file of its package", async () => {
    if (set.source.kind === "generated" || set.name === "openclipart-12") {
      // Neither asks for a file by name: the first has none, the second takes whatever its folders hold.
      await expect(set.decode(new Map(), tools())).resolves.toBeDefined();
      return;
    }
    await expect(set.decode(new Map(), tools())).rejects.toThrow(
      `data set ${name}: its package has no file `,
    );
  });
});

describe("CIFAR-10", () => {
  const row = (label: number) => Uint8Array.from({ length: 3072 }, (_, i) => (i % 3) * 80 + (label % 7));

  function files(labels: readonly unknown[]): Map<string, Uint8Array> {
    const out = new Map<string, Uint8Array>(
      [1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.png`, Uint8Array.of(i)] as const),
    );
    out.set("test_batch.png", Uint8Array.of(6));
    out.set("train_lables.json", text(Array.from({ length: 5 }, () => labels).flat()));
    out.set("test_lables.json", text(labels));
    return out;
  }
  const labels = Array.from({ length: 10_000 }, (_, i) => i % 10);
  const page: Pixels = { width: 1024, height: 10_000, channels: 3, data: new Uint8Array(30_720_000) };
  for (let i = 0; i < 10_000; i++) page.data.set(row(i), i * 3072);

  test("turns rows of interleaved pixels into planes", async () => {
    const set = await cifar10.decode(
      files(labels),
      tools(() => page),
    );
    expect([set.train.count, set.test.count]).toEqual([50_000, 10_000]);
    const at = 20_003 * 3072;
    expect([0, 1024, 2048].map((c) => set.train.images[at + c + 5])).toEqual(
      [3, 83, 163].map((v) => v - 3 + (3 % 7)),
    );
    expect(set.train.labels[20_003]).toBe(3);
  });

  test("refuses pages of another size and labels out of range", async () => {
    const small = { ...page, height: 9_999 };
    await expect(
      cifar10.decode(
        files(labels),
        tools(() => small),
      ),
    ).rejects.toThrow("cifar10 data_batch_1.png: expected 1024×10000 pixels");
    const wrong = [...labels.slice(0, 9_999), 10];
    await expect(
      cifar10.decode(
        files(wrong),
        tools(() => page),
      ),
    ).rejects.toThrow("cifar10 train_lables.json: entry 9999 is not a label");
    await expect(
      cifar10.decode(
        files(labels.slice(1)),
        tools(() => page),
      ),
    ).rejects.toThrow("expected a list of 50000 labels");
  });
});

test("MNIST refuses a truncated file and a label out of range, naming split and image", async () => {
  const idx = (sizes: readonly number[], data: readonly number[]) =>
    Uint8Array.of(0, 0, 8, sizes.length, ...sizes.flatMap((n) => [0, 0, n >> 8, n & 255]), ...data);
  const image = Array.from({ length: 784 }, () => 9);
  const files = new Map([
    ["data/train-images-idx3-ubyte", idx([1, 28, 28], image)],
    ["data/train-labels-idx1-ubyte", idx([1], [7])],
    ["data/t10k-images-idx3-ubyte", idx([1, 28, 28], image)],
    ["data/t10k-labels-idx1-ubyte", idx([1], [3])],
  ]);
  const set = await mnist.decode(files, tools());
  expect([set.train.count, set.train.labels[0], set.test.labels[0], set.train.images[0]]).toEqual([
    1, 7, 3, 9,
  ]);
  files.set("data/t10k-labels-idx1-ubyte", idx([1], [10]));
  await expect(mnist.decode(files, tools())).rejects.toThrow(
    "mnist test: image 0 has label 10, the set has 10 classes",
  );
  files.set("data/t10k-images-idx3-ubyte", idx([1, 28, 28], image).subarray(0, 500));
  await expect(mnist.decode(files, tools())).rejects.toThrow(
    "mnist test images: the header promises 1×28×28 = 784 bytes, the file holds 484",
  );
});

test("emoji are laid on white and split by concept; skin tones and twins stay out", async () => {
  const entries = Array.from({ length: 40 }, (_, i) => ({
    unified: `1F${600 + i}`,
    image: `${i}.png`,
    category: i % 2 === 0 ? "Objects" : "Flags",
  }));
  entries.push({ unified: "1F3FB", image: "tone.png", category: "Component" });
  const files = new Map<string, Uint8Array>(
    entries.map(({ image }) => [`img/google/64/${image}`, Uint8Array.of(1)] as const),
  );
  files.set("emoji.json", text(entries));
  const drawn = (name: string): Pixels => {
    const i = Math.min(Number.parseInt(name.slice("img/google/64/".length), 10), 38);
    // Entry 39 is drawn as 38. The upper half is clear, so it must come out white.
    return {
      width: 64,
      height: 64,
      channels: 4,
      data: Uint8Array.from({ length: 16_384 }, (_, k) => (k < 8192 ? 0 : k % 4 === 3 ? 255 : i)),
    };
  };
  const set = await emojiGoogle.decode(files, tools(drawn));
  expect(set.train.count + set.test.count).toBe(39);
  expect(set.test.count).toBeGreaterThan(0);
  expect(set.warnings).toEqual(["1 drawings equal to another were left out"]);
  expect([set.train.images[0], set.train.images[31 * 32]! < 40]).toEqual([255, true]);
  for (const label of set.train.labels) expect(["objects", "flags"]).toContain(emojiClasses[label]);
});

test("clip art is cut out, centred, and counted once; specks do not count", async () => {
  const root = "usr/share/openclipart/png/";
  const paths = [
    "animals/a.png",
    "animals/birds/b.png",
    "animals/copy.png",
    "food/c.png",
    "transportation/roadsigns/no.png",
    "plants/blank.png",
  ];
  const wanted = paths.map((path) => root + path).filter((path) => openclipart12.wants(path));
  expect(wanted.length).toBe(5);
  const files = new Map(wanted.map((path) => [path, new Uint8Array(30)]));
  const drawn = (path: string): Pixels => {
    const data = new Uint8Array(200 * 100).fill(255);
    const dark = path.includes("food") ? 60 : path.includes("birds") ? 30 : 0;
    if (!path.includes("blank")) {
      for (let y = 40; y < 80; y++) data.fill(dark, y * 200 + 20, y * 200 + 60);
      data[199] = 0;
    }
    return { width: 200, height: 100, channels: 1, data };
  };
  const set = await openclipart12.decode(files, tools(drawn));
  expect(set.train.count + set.test.count).toBe(3);
  // The 40 × 40 square fills the image, though a speck sits in the far corner.
  for (const part of [set.train, set.test])
    for (const value of part.images) expect(value).toBeLessThanOrEqual(60);
  expect(set.warnings).toEqual([
    "0 drawings of more than 20 million pixels were left out",
    "1 blank drawings were left out",
    "1 drawings equal to another were left out",
  ]);
});

test("the generated set is the same each time, balanced, and its classes can be told apart", async () => {
  const [one, two] = [await synthetic.decode(new Map(), tools()), await synthetic.decode(new Map(), tools())];
  expect(one).toEqual(two);
  expect(one.train.count).toBe(1600);
  for (let label = 0; label < 8; label++) expect(one.test.labels.filter((l) => l === label).length).toBe(50);
});
