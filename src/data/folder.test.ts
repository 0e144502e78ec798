import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listFolder } from "./folder.node.ts";
import { loadData } from "./load.node.ts";
import { describeSet, prepareSet } from "./prepare.node.ts";
import type { LoadedData } from "./types.ts";

let home: string;
let root: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "folder-"));
  root = join(home, "pictures");
});
afterEach(() => rm(home, { recursive: true }));

/** A picture of one colour. */
async function picture(
  path: string,
  colour: { r: number; g: number; b: number },
  width = 8,
  height = 8,
): Promise<void> {
  await put(
    path,
    await sharp({ create: { width, height, channels: 3, background: colour } })
      .toFormat(path.endsWith(".webp") ? "webp" : path.endsWith("g") && path.includes(".jp") ? "jpeg" : "png")
      .toBuffer(),
  );
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const red = { r: 255, g: 0, b: 0 };
const blue = { r: 0, g: 0, b: 255 };

async function twoClasses(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) {
    await picture(`red/${i}.png`, red);
    await picture(`blue/deep/${i}.jpg`, blue);
  }
}

const load = (more: object = {}): Promise<LoadedData> =>
  loadData({ set: `folder:${root}`, ...more }, { cache: join(home, "cache") });

describe("a folder of images", () => {
  test("is a data set, one directory a class, a fifth of each for testing", async () => {
    await twoClasses();
    await picture("red/x.webp", red);
    const data = await load();
    expect(data).toMatchObject({ classes: ["blue", "red"], channels: 3, height: 8, width: 8 });
    expect([data.train.count, data.test.count]).toEqual([9, 2]);
    for (const [i, label] of data.train.labels.entries()) {
      const [r, , b] = [0, 1, 2].map((c) => data.train.images[i * 192 + c * 64]!);
      expect(label === 1 ? [r! > 250, b! < 5] : [r! < 5, b! > 250]).toEqual([true, true]);
    }
    expect(await load()).toEqual(data);
  });

  test("keeps a split that is given as train/ and test/", async () => {
    await picture("train/a/1.png", red);
    await picture("train/b/1.png", blue);
    await picture("test/a/2.png", red);
    const listing = await listFolder(root);
    expect(listing.classes).toEqual(["a", "b"]);
    expect(listing.images.map(({ path, part }) => [path, part])).toEqual([
      ["test/a/2.png", "test"],
      ["train/a/1.png", "train"],
      ["train/b/1.png", "train"],
    ]);
  });

  test("is brought to the size asked for, and must agree in size if none is", async () => {
    await twoClasses();
    await picture("red/wide.png", red, 20, 10);
    await expect(load()).rejects.toThrow(
      /images differ in size \(blue\/deep\/\d\.jpg has 8×8 pixels, red\/wide\.png 20×10\)/,
    );
    const data = await load({ height: 6, width: 6, channels: 1 });
    expect(data).toMatchObject({ channels: 1, height: 6, width: 6 });
    expect(data.train.count + data.test.count).toBe(11);
  });

  test("with unreadable files is used without them, and each is reported with its reason", async () => {
    await twoClasses();
    await put("red/text.png", "this is no picture");
    await put("red/empty.png", "");
    await put("red/svg.png", '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
    const whole = await sharp(Buffer.alloc(300 * 300 * 3, 7), {
      raw: { width: 300, height: 300, channels: 3 },
    })
      .png()
      .toBuffer();
    const noisy = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * i * 31) % 251));
    const long = await sharp(noisy, { raw: { width: 100, height: 100, channels: 3 } })
      .png()
      .toBuffer();
    await put("blue/cut.png", long.subarray(0, long.length / 2));
    await put("blue/huge.png", giant(whole));
    await put("red/notes.txt", "");
    const info = await prepareSet(`folder:${root}`, { cache: join(home, "cache") });
    const report = info.warnings.join("\n");
    expect(report).toContain("1 files are not named .png, .jpg, .jpeg or .webp");
    expect(report).toContain("red/text.png: not a PNG, JPEG or WebP image");
    expect(report).toContain("red/svg.png: not a PNG, JPEG or WebP image");
    expect(report).toContain("red/empty.png: the file is empty");
    expect(report).toMatch(/blue\/cut\.png: ./);
    expect(report).toMatch(/blue\/huge\.png: .*pixel limit/);
    expect(info.counts.train.length).toBe(2);
    expect([...info.counts.train, ...info.counts.test].reduce((a, b) => a + b)).toBe(10);
  });

  test("that has changed is told from what was planned", async () => {
    await twoClasses();
    const { fingerprint } = await load();
    expect((await load({ fingerprint })).fingerprint).toBe(fingerprint);
    await picture("red/more.png", red);
    await expect(load({ fingerprint })).rejects.toThrow(/holds other images than when this was planned/);
    expect((await load()).fingerprint).not.toBe(fingerprint);
  });

  test("with a class that has nothing readable is refused, saying why", async () => {
    await twoClasses(2);
    await put("green/a.png", "no");
    await expect(load()).rejects.toThrow(
      'class "green" has no readable training image (green/a.png: not a PNG, JPEG or WebP image)',
    );
  });

  test("with an empty class, one class, or no directory at all is refused", async () => {
    await twoClasses(2);
    await mkdir(join(root, "green"));
    await expect(load()).rejects.toThrow('class "green" has no PNG, JPEG or WebP file in it');
    await rm(join(root, "green"), { recursive: true });
    await rm(join(root, "red"), { recursive: true });
    await expect(load()).rejects.toThrow("expected one directory per class, found 1");
    await rm(root, { recursive: true });
    await expect(load()).rejects.toThrow(
      expect.objectContaining({
        fault: "data",
        message: expect.stringContaining("there is no such directory"),
      }),
    );
  });

  test("does not follow links out of it", async () => {
    await twoClasses(2);
    await picture("../outside.png", blue);
    await symlink(join(home, "outside.png"), join(root, "red", "link.png"));
    await symlink(home, join(root, "red", "up"));
    const listing = await listFolder(root);
    expect(listing.images.length).toBe(4);
    expect(listing.warnings).toEqual(["2 links were not followed"]);
  });

  test("is decoded again when a file changes, and not before", async () => {
    await twoClasses();
    const env = { cache: join(home, "cache") };
    const first = await prepareSet(`folder:${root}`, env);
    expect((await prepareSet(`folder:${root}`, env)).cached).toBe(true);
    await picture("red/0.png", blue);
    await utimes(join(root, "red/0.png"), 1, 1);
    const second = await prepareSet(`folder:${root}`, env);
    expect(second.cached).toBe(false);
    expect(second.fingerprint).not.toBe(first.fingerprint);
  });

  test("can be described without being decoded", async () => {
    await twoClasses();
    expect(await describeSet(`folder:${root}`, { cache: home })).toMatchObject({
      classes: ["blue", "red"],
      counts: { train: 8, test: 2 },
    });
  });
});

/** A PNG whose header announces 60,000 × 60,000 pixels. */
function giant(png: Buffer): Buffer {
  const out = Buffer.from(png);
  out.writeUInt32BE(60_000, 16);
  out.writeUInt32BE(60_000, 20);
  out.writeUInt32BE(crc32(out.subarray(12, 29)), 29);
  return out;
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
