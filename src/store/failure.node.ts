import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { canonical } from "../base/canonical.ts";
import { systemCode, makeFolder, writeWhole } from "./disk.node.ts";
import { specText } from "./spec.ts";
import type { CellSpec } from "./spec.ts";

/** Why an attempt ended without a result. */
export interface Failure {
  /** The error's fault, or "crash" when the worker process died. */
  readonly fault: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** For those who look for the cause: a stack, or the last words of the process on its standard error. */
  readonly detail?: string | undefined;
}

/** A failure as kept in the store. */
export interface FailureRecord extends Failure {
  /** ISO 8601, UTC. */
  readonly when: string;
  readonly host: string;
}

const recordSchema = z.object({
  fault: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  detail: z.string().optional(),
  when: z.string(),
  host: z.string(),
});

/** Adds a failure to a cell's folder of failures; one file each, never changed. */
export async function writeFailure(folder: string, spec: CellSpec, failure: Failure): Promise<void> {
  const when = new Date().toISOString();
  await makeFolder(folder);
  await writeWhole(join(folder, "spec.json"), specText(spec));
  const { fault, message, hint, detail } = failure;
  // The time orders the files; the random part keeps two of one millisecond apart.
  const name = `${when.replaceAll(/[:.]/g, "-")}-${randomUUID().slice(0, 8)}.json`;
  await writeWhole(
    join(folder, name),
    `${canonical({ fault, message, hint, detail, when, host: hostname() })}\n`,
  );
}

/** The failures in a folder, oldest first; files that aren't ours are passed over. */
export async function readFailures(folder: string): Promise<FailureRecord[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
  const records: FailureRecord[] = [];
  for (const name of names.toSorted()) {
    if (!/^[0-9].*\.json$/.test(name)) continue;
    try {
      records.push(recordSchema.parse(JSON.parse(await readFile(join(folder, name), "utf8"))));
    } catch {
      // A log cut short by a power failure tells nothing; the others still do.
    }
  }
  return records;
}
