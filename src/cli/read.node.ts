import { readFileSync, statSync } from "node:fs";
import { ScopeError } from "../base/error.ts";

/** A configuration is written by hand; anything larger is another kind of file. */
const largestConfig = 4 * 1024 * 1024;

/** Reads a configuration file. @throws {ScopeError} usage, when it cannot be read or is far too large */
export function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > largestConfig)
      throw new ScopeError("usage", `${file} has ${size} bytes: this is no configuration`);
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof ScopeError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    const reason =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EISDIR"
          ? "this is a folder, not a file"
          : "it cannot be read";
    throw new ScopeError("usage", `${file}: ${reason}`, { cause });
  }
}
