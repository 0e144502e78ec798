import { canonical, type Json } from "../base/canonical.ts";
import { checkDataSpec, folderOf } from "../data/spec.ts";
import type { DataSpec } from "../data/types.ts";

const key = {
  run: "transferscope.run",
  data: "transferscope.data",
  classes: "transferscope.classes",
} as const;

/**
 * What a written model says about itself (ONNX metadata_props): its run, its images, the names of its classes.
 * What is not known is left out.
 */
export function metadataOf(
  data: DataSpec | undefined,
  classes: readonly string[] | undefined,
  run?: string,
): Record<string, string> {
  return {
    ...(run === undefined ? {} : { [key.run]: run }),
    ...(data === undefined ? {} : { [key.data]: canonical(JSON.parse(JSON.stringify(data)) as Json) }),
    ...(classes === undefined ? {} : { [key.classes]: canonical([...classes]) }),
  };
}

/** Metadata without what a model says about itself, for a network that is made from it but another one. */
export function otherNotes(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const own: readonly string[] = Object.values(key);
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !own.includes(name)));
}

/**
 * The images a model of ours says it was trained on; undefined for other models, and for what it must not decide: a file
 * from elsewhere doesn't choose folders of this machine to read.
 * @throws {ScopeError} usage, when the entry is there but no data specification
 */
export function dataOf(metadata: Readonly<Record<string, string>>, where: string): DataSpec | undefined {
  const spec = ownDataOf(metadata, where);
  return spec === undefined || folderOf(spec.set) === undefined ? spec : undefined;
}

/** The same for a model that a cell of the store wrote, and which may well name a folder. @throws {ScopeError} usage */
export function ownDataOf(metadata: Readonly<Record<string, string>>, where: string): DataSpec | undefined {
  const value = parsed(metadata[key.data]);
  return value === undefined ? undefined : checkDataSpec(value, `${where}: ${key.data}`);
}

/** The names of its classes, where a model says them. */
export function classesOf(metadata: Readonly<Record<string, string>>): readonly string[] | undefined {
  const value = parsed(metadata[key.classes]);
  return Array.isArray(value) && value.every((name) => typeof name === "string") ? value : undefined;
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
