import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ScopeError } from "../base/error.ts";
import { fileError, writeWhole } from "../base/file.node.ts";

/** A file in a folder of reports that says which study's report it is. */
const markerName = ".transferscope-report";

/**
 * Checks that a folder can be written to, or made, before any long work begins.
 * @throws {ScopeError} usage, when a file is in the way; io, when writing is not allowed
 */
export function checkFolder(folder: string, option: string): void {
  let at = resolve(folder);
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  if (!statSync(at).isDirectory()) {
    throw new ScopeError(
      "usage",
      `${option} ${folder}: ${at === resolve(folder) ? "this" : at} is a file, expected a folder`,
    );
  }
  try {
    accessSync(at, constants.W_OK);
  } catch (cause) {
    throw fileError(`${option} ${folder}`, "write", cause);
  }
}

/**
 * Checks that a study's report may be written into a folder: where nothing of the same name is, or where the report is
 * this study's own (the study's name tells), or with --overwrite.
 * @param names the files and folders the report consists of
 * @throws {ScopeError} usage, when a file would be lost; as `checkFolder`
 */
export function checkReportFolder(
  folder: string,
  study: string,
  names: readonly string[],
  overwrite: boolean,
): void {
  checkFolder(folder, "--out");
  if (overwrite) return;
  const owner = ownerOf(folder);
  if (owner === study) return;
  const hint = "choose another folder with --out, or allow it with --overwrite";
  if (owner !== undefined) {
    throw new ScopeError(
      "usage",
      `--out ${folder} holds the report of the study "${owner}", this is "${study}"`,
      { hint },
    );
  }
  const taken = names.find((name) => existsSync(join(folder, name)));
  if (taken !== undefined) {
    throw new ScopeError("usage", `--out ${folder} holds ${taken}, which no study wrote`, { hint });
  }
}

/** Marks a folder as a study's, before the first file of its report is written. @throws {ScopeError} io */
export async function markReportFolder(folder: string, study: string): Promise<void> {
  if (ownerOf(folder) === study) return;
  const text = `${JSON.stringify({ what: "transferscope report", study })}\n`;
  await writeWhole(join(folder, markerName), [new TextEncoder().encode(text)], { overwrite: true });
}

function ownerOf(folder: string): string | undefined {
  try {
    const marker = JSON.parse(readFileSync(join(folder, markerName), "utf8")) as { study?: unknown } | null;
    return typeof marker?.study === "string" ? marker.study : undefined;
  } catch {
    // No marker, or none that can be read: then no report of ours.
    return undefined;
  }
}
