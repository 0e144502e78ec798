import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

/**
 * Compares a text with a stored file of test/golden. `npm run golden` (GOLDEN=write) stores it instead. On a difference
 * the new text is left beside the old one, as NAME-changed.ending, to be looked at.
 */
export function expectGolden(name: string, text: string): void {
  const path = fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
  const changed = path.replace(/(\.\w+)$/, "-changed$1");
  if (process.env["GOLDEN"] === "write") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    rmSync(changed, { force: true });
    return;
  }
  const stored = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  if (stored === text) {
    rmSync(changed, { force: true });
    return;
  }
  writeFileSync(changed, text);
  expect.fail(
    stored === undefined
      ? `${name} is not stored yet: look at ${changed}, then run npm run golden`
      : `${name} has changed: compare it with ${changed}; if it is right, run npm run golden`,
  );
}
