import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary.ts";

/** Does the system let this process mount file systems? */
export function mayMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), "transferscope-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", path], { stdio: "ignore" });
    execFileSync("umount", [path]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Mounts a small file system of its own, for as long as the test runs. */
export function smallDisk(kilobytes: number): string {
  const path = temporaryFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", path], { stdio: "ignore" });
  onTestFinished(() => void execFileSync("umount", ["-l", path]));
  return path;
}

/** Mounts such a file system anew: with another size, or read-only. */
export function remount(path: string, options: string): void {
  execFileSync("mount", ["-o", `remount,${options}`, path], { stdio: "ignore" });
}
