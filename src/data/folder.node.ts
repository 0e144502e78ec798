import type { Dirent } from "node:fs";
import { readFile, readdir, stat } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { ScopeError } from "../base/error.ts";
import { openOrMake, preparedPath, type Made, type Opened } from "./cache.node.ts";
import { inHashOrder, splitOf, testNames, type Sample } from "./collect.ts";
import { decodeImage, sha256 } from "./images.node.ts";
import { planesOnWhite, resizeImage } from "./pixels.ts";
import { stopIfAborted } from "./stop.ts";
import type { DataEnv, Fit } from "./types.ts";

// 50 MP and 64 MB: larger than photographs of today's cameras; what is larger is a mistake or an attack.
const maxPixels = 50e6;
const maxFileBytes = 64e6;
const maxFiles = 1_000_000;
// At most this many files are named in a report; the rest are counted.
const maxNamed = 20;
const testShare = 0.2;
const atOnce = 4;
/** Goes up when the same folder is decoded to other bytes. */
const version = 1;

/** An image file of a folder. */
export interface FolderImage {
  /** Path below the root, with "/" between parts. */
  readonly path: string;
  /** Index of its class. */
  readonly label: number;
  readonly part: "train" | "test";
  readonly bytes: number;
  readonly mtimeMs: number;
}

/** The image files of a folder, sorted by path, with their classes. */
export interface FolderListing {
  readonly root: string;
  readonly classes: readonly string[];
  readonly images: readonly FolderImage[];
  /** What was passed over, one line a kind. */
  readonly warnings: readonly string[];
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter(({ name }) => !name.startsWith(".")).toSorted((a, b) => byCodeUnit(a.name, b.name));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw new ScopeError("data", `folder ${path}: there is no such directory`, { cause });
    if (code === "ENOTDIR")
      throw new ScopeError("data", `folder ${path}: this is a file, not a directory`, { cause });
    throw new ScopeError("io", `folder ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Lists the images of a folder: one directory per class, PNG, JPEG and WebP files at any depth below it. If the folder
 * holds exactly train/ and test/, the classes are inside those; otherwise a fifth of each class, chosen by the hash of
 * the file's path, is the test split. Links are not followed.
 * @throws {ScopeError} data, when there are fewer than two classes, or one without images; io
 */
export async function listFolder(path: string): Promise<FolderListing> {
  const root = resolve(path);
  const directories = (await entriesOf(root))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  const given = directories.length === 2 && directories[0] === "test" && directories[1] === "train";
  const bases = given ? (["train", "test"] as const) : ([""] as const);
  const names = new Set<string>();
  for (const base of bases) {
    for (const entry of await entriesOf(join(root, base))) if (entry.isDirectory()) names.add(entry.name);
  }
  const classes = [...names].toSorted(byCodeUnit);
  if (classes.length < 2) {
    throw new ScopeError(
      "data",
      `folder ${root}: expected one directory per class, found ${classes.length}`,
      {
        hint: "put the images of each class into a directory named after it, if you like below train/ and test/",
      },
    );
  }
  const images: FolderImage[] = [];
  const passed = { links: 0, others: 0 };
  for (const base of bases) {
    for (const [label, name] of classes.entries()) {
      const found = await imagesBelow(root, join(root, base, name), given, passed);
      const tested = testNames(
        found.map((image) => image.path),
        testShare,
        sha256,
      );
      for (const image of found) {
        const part = base !== "" ? base : tested.has(image.path) ? "test" : "train";
        images.push({ ...image, label, part });
      }
      if (images.length > maxFiles)
        throw new ScopeError("data", `folder ${root}: more than ${maxFiles} images`);
    }
  }
  for (const [label, name] of classes.entries()) {
    const own = images.filter((image) => image.label === label);
    if (own.some((image) => image.part === "train")) continue;
    const where = given ? "below train/" : "in it";
    throw new ScopeError("data", `folder ${root}: class "${name}" has no PNG, JPEG or WebP file ${where}`, {
      hint: "remove the empty directory, or put images into it",
    });
  }
  const warnings: string[] = [];
  if (passed.links > 0) warnings.push(`${passed.links} links were not followed`);
  if (passed.others > 0)
    warnings.push(`${passed.others} files are not named .png, .jpg, .jpeg or .webp and were passed over`);
  return { root, classes, images: images.toSorted((a, b) => byCodeUnit(a.path, b.path)), warnings };
}

/** The image files below a class's directory, which need not exist when train/ or test/ lacks the class. */
async function imagesBelow(
  root: string,
  directory: string,
  mayLack: boolean,
  passed: { links: number; others: number },
): Promise<Pick<FolderImage, "path" | "bytes" | "mtimeMs">[]> {
  const found: Pick<FolderImage, "path" | "bytes" | "mtimeMs">[] = [];
  let entries: Dirent[];
  try {
    entries = await entriesOf(directory);
  } catch (error) {
    if (mayLack && error instanceof ScopeError && error.fault === "data") return [];
    throw error;
  }
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isSymbolicLink()) passed.links++;
    else if (entry.isDirectory()) found.push(...(await imagesBelow(root, path, false, passed)));
    else if (entry.isFile() && /\.(png|jpe?g|webp)$/i.test(entry.name)) {
      const { size, mtimeMs } = await stat(path);
      found.push({ path: relative(root, path).replaceAll("\\", "/"), bytes: size, mtimeMs });
    } else passed.others++;
  }
  return found;
}

/** Size to bring a folder's images to; height and width absent: that of the images, which must then agree. */
export interface FolderSize {
  readonly height?: number | undefined;
  readonly width?: number | undefined;
  readonly fit?: Fit | undefined;
}

/**
 * Opens a folder's prepared file, decoding the images if the listing (paths, sizes, times) or the size is new.
 * Files that cannot be read are left out and reported in the file's warnings.
 * @throws {ScopeError} data, as `listFolder`, and when images differ in size, or a class has no readable image
 */
export async function openFolder(path: string, size: FolderSize, env: DataEnv): Promise<Opened> {
  const listing = await listFolder(path);
  const { classes, images } = listing;
  const listed = images.map(({ path: file, bytes, mtimeMs, part }) => [file, bytes, mtimeMs, part]);
  const name = `folder-${basename(listing.root).replaceAll(/[^\w-]+/g, "_")}`;
  const { height, width, fit = "crop" } = size;
  const key = { version, classes, listed, height, width, fit };
  return openOrMake(preparedPath(env.cache, name, key), `folder ${listing.root}`, env, () =>
    decodeFolder(listing, size, env),
  );
}

interface Outcome {
  readonly image: FolderImage;
  readonly planes?: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly reason?: string;
}

async function decodeFolder(listing: FolderListing, size: FolderSize, env: DataEnv): Promise<Made> {
  const { root, classes, images } = listing;
  const what = `decoding folder ${root}`;
  const outcomes: Outcome[] = [];
  for (let start = 0; start < images.length; start += atOnce) {
    stopIfAborted(env.signal, what);
    const group = images.slice(start, start + atOnce);
    outcomes.push(...(await Promise.all(group.map((image) => readOne(root, image, size)))));
    env.onProgress?.({ what, done: outcomes.length, total: images.length, unit: "images" });
  }
  const good = outcomes.filter((outcome) => outcome.planes !== undefined);
  const bad = outcomes.filter((outcome) => outcome.planes === undefined);
  const report = bad.slice(0, maxNamed).map(({ image, reason }) => `${image.path}: ${reason}`);
  if (bad.length > maxNamed) report.push(`and ${bad.length - maxNamed} more files that cannot be read`);
  for (const [label, name] of classes.entries()) {
    if (good.some(({ image }) => image.label === label && image.part === "train")) continue;
    throw new ScopeError(
      "data",
      `folder ${root}: class "${name}" has no readable training image (${report.join("; ")})`,
      {
        hint: "replace the broken files, or remove the class's directory",
      },
    );
  }
  const first = good[0]!;
  const odd = good.find(({ height, width }) => height !== first.height || width !== first.width);
  if (odd !== undefined) {
    throw new ScopeError(
      "data",
      `folder ${root}: the images differ in size (${first.image.path} has ${first.width}×${first.height} pixels, ` +
        `${odd.image.path} ${odd.width}×${odd.height})`,
      { hint: "say which size to bring them to: height and width of the data section" },
    );
  }
  const { height, width } = first;
  const part = (which: "train" | "test"): Sample[] =>
    inHashOrder(
      good
        .filter(({ image }) => image.part === which)
        .map(({ image, planes }) => ({ image: planes!, label: image.label, name: image.path })),
      sha256,
    );
  const bytes = 3 * height * width;
  return {
    origin: "folder",
    warnings: [...listing.warnings, ...report],
    set: {
      name: "folder",
      classes,
      channels: 3,
      height,
      width,
      train: splitOf(part("train"), bytes),
      test: splitOf(part("test"), bytes),
    },
  };
}

/** Reads and resizes one image; what goes wrong becomes its reason. */
async function readOne(root: string, image: FolderImage, size: FolderSize): Promise<Outcome> {
  const none = { image, height: 0, width: 0 };
  if (image.bytes > maxFileBytes)
    return { ...none, reason: `${image.bytes} bytes, more than the limit of ${maxFileBytes}` };
  try {
    const pixels = await decodeImage(await readFile(join(root, image.path)), maxPixels);
    const planes = planesOnWhite(pixels);
    const height = size.height ?? pixels.height;
    const width = size.width ?? pixels.width;
    if (height === pixels.height && width === pixels.width) return { image, planes, height, width };
    const resized = resizeImage(planes, pixels.height, pixels.width, height, width, size.fit ?? "crop");
    return { image, planes: resized, height, width };
  } catch (error) {
    return { ...none, reason: error instanceof Error ? error.message : String(error) };
  }
}
