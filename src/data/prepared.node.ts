import { open, type FileHandle } from "node:fs/promises";
import * as z from "zod";
import { canonical } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { sha256 } from "./images.node.ts";
import { sumsOf } from "./stats.ts";
import type { Dataset, Split } from "./types.ts";

/*
 * A prepared file holds a decoded data set:
 *   8 bytes   magic
 *   4 bytes   length of the header, little-endian
 *   header    JSON, padded with spaces to a multiple of 8
 *   train labels (int32, little-endian), train images, test labels, test images; uint8, planar
 * The header holds the SHA-256 of the labels and of every block of images, so that a reader of part of the file can
 * check what it reads. Nothing in the file depends on when or where it was made: same set, same bytes.
 */
const magic = "TSDATA\0\x01";
// 16 MB: a million classes' names and sums fit; a header that claims more is not ours.
const maxHeaderBytes = 16e6;
// 1 MB a block: large enough to read fast, small enough that a subset of a big set needs little memory.
const blockBytes = 2 ** 20;

const whole = z.int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const partSchema = z.strictObject({
  count: whole,
  labels: hash,
  blocks: z.array(hash),
  perClass: z.array(whole),
});
const headerSchema = z.strictObject({
  name: z.string(),
  origin: z.string(),
  classes: z.array(z.string()),
  channels: z.int().min(1).max(4),
  height: z.int().min(1).max(65_536),
  width: z.int().min(1).max(65_536),
  blockImages: z.int().min(1),
  train: partSchema,
  test: partSchema,
  /** Per class: number of bytes of each channel in the training split, their sums and sums of squares. */
  sums: z.array(z.strictObject({ count: whole, sum: z.array(whole), squares: z.array(whole) })),
  warnings: z.array(z.string()),
});

/** What a prepared file says about itself. */
export type PreparedHeader = z.infer<typeof headerSchema>;

/** An open prepared file: reads of parts of it are checked against the header's hashes. */
export interface PreparedFile {
  readonly header: PreparedHeader;
  readonly sizeBytes: number;
  /** SHA-256 (hex) that names classes, shapes, labels and images. */
  readonly fingerprint: string;
  labels(part: "train" | "test"): Promise<Int32Array>;
  /**
   * Calls `use` with the images of `indices` (ascending), in pieces [n, channels, height, width], each with the
   * position of its first image in `indices`. A piece is only valid during the call.
   */
  images(
    part: "train" | "test",
    indices: Int32Array,
    use: (piece: Uint8Array, position: number) => void,
  ): Promise<void>;
  close(): Promise<void>;
}

const roundUp = (n: number): number => Math.ceil(n / 8) * 8;

/** Content address of a data set: what was decoded, not from where or by what version. */
function fingerprintOf({
  classes,
  channels,
  height,
  width,
  blockImages,
  train,
  test,
}: PreparedHeader): string {
  const content = { classes, channels, height, width, blockImages, train, test };
  return sha256(new TextEncoder().encode(canonical(content)));
}

/** Labels as bytes of the file. */
function labelBytes({ labels }: Split): Uint8Array {
  const out = Buffer.alloc(labels.length * 4);
  for (const [i, label] of labels.entries()) out.writeInt32LE(label, 4 * i);
  return out;
}

/**
 * Writes a prepared file, flushed to disk. The caller gives a temporary path and renames.
 * @throws {ScopeError} bug, when the data set contradicts itself
 */
export async function writePrepared(
  path: string,
  set: Dataset,
  origin: string,
  warnings: readonly string[],
): Promise<void> {
  const { name, classes, channels, height, width } = set;
  const size = channels * height * width;
  const blockImages = Math.max(1, Math.floor(blockBytes / size));
  const describe = (split: Split): PreparedHeader["train"] => {
    if (split.images.length !== split.count * size || split.labels.length !== split.count) {
      throw new ScopeError(
        "bug",
        `internal: ${name} decoded to arrays that do not match ${split.count} images`,
      );
    }
    const perClass = classes.map(() => 0);
    for (const label of split.labels) {
      if (!(label >= 0 && label < classes.length))
        throw new ScopeError("data", `data set ${name}: a label is ${label}`);
      perClass[label]! += 1;
    }
    const blocks: string[] = [];
    for (let at = 0; at < split.count; at += blockImages) {
      blocks.push(sha256(split.images.subarray(at * size, Math.min(split.count, at + blockImages) * size)));
    }
    return { count: split.count, labels: sha256(labelBytes(split)), blocks, perClass };
  };
  const sums = classes
    .map(() => sumsOf(new Uint8Array(0), channels, height * width))
    .map((empty) => ({
      count: empty.count,
      sum: [...empty.sum],
      squares: [...empty.squares],
    }));
  for (const [i, label] of set.train.labels.entries()) {
    const one = sumsOf(set.train.images.subarray(i * size, (i + 1) * size), channels, height * width);
    const own = sums[label]!;
    own.count += one.count;
    for (let c = 0; c < channels; c++) {
      own.sum[c]! += one.sum[c]!;
      own.squares[c]! += one.squares[c]!;
    }
  }
  const header: PreparedHeader = {
    name,
    origin,
    classes: [...classes],
    channels,
    height,
    width,
    blockImages,
    train: describe(set.train),
    test: describe(set.test),
    sums,
    warnings: [...warnings],
  };
  const text = Buffer.from(canonical(header));
  const lead = Buffer.alloc(roundUp(12 + text.length), " ");
  lead.write(magic, 0, "latin1");
  lead.writeUInt32LE(lead.length - 12, 8);
  text.copy(lead, 12);
  const file = await open(path, "wx");
  try {
    const parts = [lead, labelBytes(set.train), set.train.images, labelBytes(set.test), set.test.images];
    for (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Opens a prepared file and checks its header against its size. Contents are checked as they are read.
 * @throws {ScopeError} format, when the file is not a prepared file, or truncated; io, when it cannot be read
 */
export async function openPrepared(path: string): Promise<PreparedFile> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (cause) {
    throw new ScopeError("io", `${path} cannot be opened: ${(cause as Error).message}`, { cause });
  }
  try {
    return await readHeader(file, path);
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

function damaged(path: string, finding: string, cause?: unknown): ScopeError {
  return new ScopeError("format", `prepared data ${path}: ${finding}`, {
    hint: "delete the file; it is made anew when it is next needed",
    cause,
  });
}

async function readHeader(file: FileHandle, path: string): Promise<PreparedFile> {
  const { size: sizeBytes } = await file.stat();
  const lead = Buffer.alloc(12);
  if (sizeBytes < 12 || (await file.read(lead, 0, 12, 0)).bytesRead < 12)
    throw damaged(path, "the file is too short");
  if (lead.toString("latin1", 0, 8) !== magic)
    throw damaged(path, "the file does not begin as prepared data do");
  const length = lead.readUInt32LE(8);
  if (length > maxHeaderBytes || 12 + length > sizeBytes) {
    throw damaged(path, `a header of ${length} bytes is promised in a file of ${sizeBytes}`);
  }
  const text = Buffer.alloc(length);
  await file.read(text, 0, length, 12);
  let header: PreparedHeader;
  try {
    header = headerSchema.parse(JSON.parse(text.toString()));
  } catch (cause) {
    throw damaged(path, "the header is not a header of prepared data", cause);
  }
  const { channels, height, width, blockImages, train, test, classes, sums } = header;
  const size = channels * height * width;
  for (const [name, part] of Object.entries({ train, test })) {
    const counted = part.perClass.reduce((sum, n) => sum + n, 0);
    if (part.blocks.length !== Math.ceil(part.count / blockImages) || counted !== part.count) {
      throw damaged(path, `the header contradicts itself about the ${name} split`);
    }
    if (part.perClass.length !== classes.length)
      throw damaged(path, "the header contradicts itself about classes");
  }
  if (
    sums.length !== classes.length ||
    sums.some((s) => s.sum.length !== channels || s.squares.length !== channels)
  ) {
    throw damaged(path, "the header contradicts itself about classes or channels");
  }
  const start = { train: 12 + length, test: 12 + length + train.count * (4 + size) };
  const end = start.test + test.count * (4 + size);
  if (end !== sizeBytes) throw damaged(path, `the header promises ${end} bytes, the file has ${sizeBytes}`);

  /** Reads into `into` from `at`, and checks the hash. */
  async function readChecked(into: Uint8Array, at: number, expected: string, what: string): Promise<void> {
    for (let done = 0; done < into.length;) {
      const { bytesRead } = await file.read(into, done, into.length - done, at + done);
      if (bytesRead === 0) throw damaged(path, `the file ends inside ${what}`);
      done += bytesRead;
    }
    if (sha256(into) !== expected) throw damaged(path, `${what} were changed after they were written`);
  }

  return {
    header,
    sizeBytes,
    fingerprint: fingerprintOf(header),
    async labels(part) {
      const bytes = Buffer.alloc(4 * header[part].count);
      await readChecked(bytes, start[part], header[part].labels, `${part} labels`);
      const labels = Int32Array.from({ length: header[part].count }, (_, i) => bytes.readInt32LE(4 * i));
      if (labels.some((label) => label < 0 || label >= classes.length))
        throw damaged(path, `a ${part} label is out of range`);
      return labels;
    },
    async images(part, indices, use) {
      const { count, blocks } = header[part];
      const buffer = new Uint8Array(Math.min(blockImages, Math.max(1, count)) * size);
      const base = start[part] + 4 * count;
      for (let position = 0; position < indices.length;) {
        const block = Math.floor(indices[position]! / blockImages);
        const first = block * blockImages;
        const piece = buffer.subarray(0, (Math.min(count, first + blockImages) - first) * size);
        await readChecked(piece, base + first * size, blocks[block]!, `${part} images from ${first} on`);
        let kept = 0;
        // The wanted images move to the front of the buffer; they are ascending, so none is overwritten before its turn.
        while (position + kept < indices.length && indices[position + kept]! < first + blockImages) {
          const from = (indices[position + kept]! - first) * size;
          piece.copyWithin(kept * size, from, from + size);
          kept++;
        }
        use(piece.subarray(0, kept * size), position);
        position += kept;
      }
    },
    close: () => file.close(),
  };
}
