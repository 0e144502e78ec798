import { canonical, type Json } from "../base/canonical.ts";
import { checkDataSpec, folderOf } from "../data/spec.ts";
import type { DataSpec } from "../data/types.ts";

const key = {
  run: "transferscope.run",
  data: "transferscope.data",
  classes: "transferscope.classes",
} as const;

/** What a written model says about itself (ONNX metadata_props): its run, its images, the names of its classes. */
export function metadataOf(data: DataSpec, classes: readonly string[], run: string): Record<string, string> {
  return {
    [key.run]: run,
    [key.data]: canonical(JSON.parse(JSON.stringify(data)) as Json),
    [key.classes]: canonical([...classes]),
  };
}

/**
 * The images a model of ours says it was trained on; undefined for other models, and for what it must not decide: a file
 * from elsewhere doesn't choose folders of this machine to read.
 * @throws {ScopeError} usage, when the entry is there but no data specification
 */
export function dataOf(metadata: Readonly<Record<string, string>>, where: string): DataSpec | undefined {
  const text = metadata[key.data];
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const spec = checkDataSpec(value, `${where}: ${key.data}`);
  return folderOf(spec.set) === undefined ? spec : undefined;
}
