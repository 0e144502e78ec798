import { join } from "node:path";
import { readPackage } from "./archive.node.ts";
import { infoOf, openIfSound, openOrMake, preparedPath, type Opened } from "./cache.node.ts";
import { fetchPackage, packageLabel } from "./fetch.node.ts";
import { listFolder, openFolder } from "./folder.node.ts";
import { decodeTools } from "./images.node.ts";
import { definitionOf, folderOf, sets } from "./spec.ts";
import type { DataEnv, ImageShape, PreparedInfo, SetDefinition, Source } from "./types.ts";

/** Path of a registry set's prepared file, whether it exists or not: new package or decoder, new file. */
export function registryPath(cache: string, { name, source, version }: SetDefinition): string {
  return preparedPath(cache, name, { name, source, version });
}

function originOf(source: Source): string {
  return source.kind === "generated" ? "generated" : `${source.kind} ${packageLabel(source)}`;
}

/** Opens a registry set's prepared file, making it if necessary; see `prepareSet`. The caller closes it. */
export async function openSet(name: string, env: DataEnv): Promise<Opened> {
  const set = definitionOf(name);
  return openOrMake(registryPath(env.cache, set), name, env, async (folder) => {
    const files = await filesOf(set, folder, env);
    const tools = decodeTools(`decoding ${name}`, env);
    const decoded = await set.decode(files, tools);
    return { set: decoded, origin: originOf(set.source), warnings: decoded.warnings ?? [] };
  });
}

/**
 * Makes sure a set of the registry is in the cache: fetches its package, checks it, decodes it, once. Safe to call
 * from several processes at the same time; interrupted work leaves nothing that looks finished.
 * @throws {ScopeError} usage, for an unknown set; data, when the package cannot be had; io; cancelled
 */
export async function prepareSet(name: string, env: DataEnv): Promise<PreparedInfo> {
  const folder = folderOf(name);
  const { file, path, cached } =
    folder === undefined ? await openSet(name, env) : await openFolder(folder, {}, env);
  try {
    return infoOf(file, path, cached, folder === undefined ? definitionOf(name).fingerprint : undefined);
  } finally {
    await file.close();
  }
}

async function filesOf(set: SetDefinition, folder: string, env: DataEnv): Promise<Map<string, Uint8Array>> {
  if (set.source.kind === "generated") return new Map();
  const path = await fetchPackage(set.name, set.source, join(folder, "fetch"), env);
  env.onProgress?.({ what: `unpacking ${set.name}`, done: 0, total: 1, unit: "files" });
  return readPackage(path, set.source.kind, set, env.signal);
}

/** What `data show` tells about a set. */
export interface SetDescription {
  readonly name: string;
  readonly title: string;
  readonly licence: string;
  /** The package with its version, or where the images come from otherwise. */
  readonly source: string;
  /** The pinned hash of the package. */
  readonly integrity?: string;
  /** Size of the download. */
  readonly downloadBytes?: number;
  /** Absent for a folder that is not prepared: its images may have any size. */
  readonly shape?: ImageShape;
  readonly classes: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly counts: { readonly train: number; readonly test: number };
  /** Where the prepared file is, or would be. */
  readonly path?: string;
  /** Present when the set is in the cache; holds counts per class, size and fingerprint. */
  readonly prepared?: PreparedInfo;
}

/** Describes a set without fetching or decoding anything. @throws {ScopeError} usage, for an unknown set; data, io */
export async function describeSet(name: string, env: Pick<DataEnv, "cache">): Promise<SetDescription> {
  const folder = folderOf(name);
  if (folder !== undefined) {
    const listing = await listFolder(folder);
    const count = (part: "train" | "test"): number =>
      listing.images.filter((image) => image.part === part).length;
    return {
      name,
      title: `${listing.images.length} image files of ${listing.classes.length} classes`,
      licence: "your own images",
      source: listing.root,
      classes: listing.classes,
      groups: {},
      counts: { train: count("train"), test: count("test") },
    };
  }
  const set = definitionOf(name);
  const { title, licence, source, classes, groups, counts, channels, height, width } = set;
  const path = registryPath(env.cache, set);
  const file = await openIfSound(path);
  try {
    return {
      name,
      title,
      licence,
      source: originOf(source),
      ...(source.kind === "generated"
        ? {}
        : {
            integrity: source.kind === "npm" ? source.integrity : `sha256-${source.sha256}`,
            downloadBytes: source.bytes,
          }),
      shape: { channels, height, width },
      classes,
      groups,
      counts,
      path,
      ...(file === undefined ? {} : { prepared: infoOf(file, path, true, set.fingerprint) }),
    };
  } finally {
    await file?.close();
  }
}

/** Names of the sets of the registry, in the order of the table. */
export function listSets(): readonly string[] {
  return Object.keys(sets);
}
