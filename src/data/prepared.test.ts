import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPrepared, writePrepared } from "./prepared.node.ts";
import type { Dataset, Split } from "./types.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "prepared-"));
});
afterAll(() => rm(folder, { recursive: true }));

// 600 × 700 pixels: two images fill more than a block of a megabyte, so that several blocks are read.
const set: Dataset = {
  name: "t",
  classes: ["a", "b"],
  channels: 1,
  height: 600,
  width: 700,
  train: split(5),
  test: split(3),
};

function split(count: number): Split {
  const images = Uint8Array.from(
    { length: count * 420_000 },
    (_, i) => (i * 7 + Math.floor(i / 420_000) * 13) % 256,
  );
  return { count, images, labels: Int32Array.from({ length: count }, (_, i) => i % 2) };
}

async function written(name: string): Promise<string> {
  const path = join(folder, name);
  await writePrepared(path, set, "here", ["one thing was left out"]);
  return path;
}

async function allImages(
  path: string,
  part: "train" | "test",
  indices: readonly number[],
): Promise<Uint8Array> {
  const file = await openPrepared(path);
  const out = new Uint8Array(indices.length * 420_000);
  try {
    await file.images(part, Int32Array.from(indices), (piece, position) =>
      out.set(piece, position * 420_000),
    );
  } finally {
    await file.close();
  }
  return out;
}

describe("prepared files", () => {
  test("give back what was written, whole and in part", async () => {
    const path = await written("whole");
    const file = await openPrepared(path);
    expect(await file.labels("train")).toEqual(set.train.labels);
    expect(file.header.warnings).toEqual(["one thing was left out"]);
    expect(file.header.train.perClass).toEqual([3, 2]);
    await file.close();
    expect(Buffer.compare(await allImages(path, "test", [0, 1, 2]), set.test.images)).toBe(0);
    const some = Buffer.concat([1, 4].map((i) => set.train.images.subarray(i * 420_000, (i + 1) * 420_000)));
    expect(Buffer.compare(await allImages(path, "train", [1, 4]), some)).toBe(0);
  });

  test("have the same bytes whenever they are written", async () => {
    expect(Buffer.compare(await readFile(await written("one")), await readFile(await written("two")))).toBe(
      0,
    );
  });

  test.each([
    ["is empty", async (path: string) => writeFile(path, ""), "the file is too short"],
    [
      "is something else",
      async (path: string) => writeFile(path, "a".repeat(100)),
      "does not begin as prepared data do",
    ],
    ["is cut short", async (path: string) => truncate(path, 1_000_000), "the header promises"],
    [
      "claims a giant header",
      async (path: string) => patch(path, 8, [0, 0, 0, 127]),
      "a header of 2130706432 bytes is promised",
    ],
    [
      "has a header that is not JSON",
      async (path: string) => patch(path, 12, [35, 35]),
      "the header is not a header",
    ],
  ])("a file that %s is refused when opened", async (name, damage, message) => {
    const path = await written(`damaged ${name}`);
    await damage(path);
    await expect(openPrepared(path)).rejects.toThrow(
      expect.objectContaining({ fault: "format", message: expect.stringContaining(message) }),
    );
  });

  test("a header that lies about its counts is refused", async () => {
    const path = await written("liar");
    const bytes = await readFile(path);
    const text = bytes.toString("latin1");
    const at = text.indexOf('"perClass":[3,2]');
    await patch(path, at, [...Buffer.from('"perClass":[4,2]')]);
    await expect(openPrepared(path)).rejects.toThrow("the header contradicts itself about the train split");
  });

  test("a changed image is noticed when it is read, others can still be read", async () => {
    const path = await written("changed");
    const bytes = await readFile(path);
    await patch(path, bytes.length - 10, [1, 2, 3]);
    await expect(allImages(path, "test", [2])).rejects.toThrow(
      "test images from 2 on were changed after they were written",
    );
    await expect(allImages(path, "test", [0, 1])).resolves.toBeDefined();
  });
});

async function patch(path: string, at: number, bytes: readonly number[]): Promise<void> {
  const content = await readFile(path);
  content.set(bytes, at);
  await writeFile(path, content);
}
