import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** Starts the machine's Chromium (scripts/ensure-chromium.sh puts one there) without a window. */
export function launchChromium(): Promise<Browser> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const executablePath = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
  if (executablePath === undefined)
    throw new Error("no Chromium on this machine: run scripts/ensure-chromium.sh");
  // Without a sandbox: it does not start as root, and the pages are our own.
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
