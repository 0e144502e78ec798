import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { ScopeError } from "../base/error.ts";
import { writeWhole } from "../base/file.node.ts";
import { parseConfig } from "./config.ts";
import { checkFolder } from "./out-folder.node.ts";
import { readText } from "./read.node.ts";

const schema = z.strictObject({ freeze: z.array(z.string()) });

/** Modules that are not trained, as `writeFreezeList` wrote them. @throws {ScopeError} usage, io */
export function readFreezeList(path: string): readonly string[] {
  return parseConfig(schema, readText(path), path).freeze;
}

/** Checks that a list can be written, before any long work begins. @throws {ScopeError} usage, io */
export function checkFreezeList(path: string, overwrite: boolean): void {
  checkFolder(dirname(path), "--freeze-list");
  if (overwrite || !existsSync(path)) return;
  throw new ScopeError("usage", `--freeze-list ${path} exists already`, {
    hint: "choose another name, or allow it with --overwrite",
  });
}

/** Writes a list that `train --freeze-list` takes; its `freeze` may also be copied into a recipe. @throws {ScopeError} io */
export async function writeFreezeList(
  path: string,
  freeze: readonly string[],
  remark: string,
): Promise<void> {
  const text = `# ${remark.replaceAll(/\s+/g, " ")}\n${stringify({ freeze })}`;
  await writeWhole(path, [new TextEncoder().encode(text)], { overwrite: true });
}
