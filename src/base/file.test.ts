import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileSource, stageFile, writeWhole } from "./file.node.ts";
import { makeFolders } from "./folder.node.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "scope-file-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a file is written whole, in a folder that is made for it, and nothing else is left", async () => {
  const path = join(dir, "a/b/file");
  await writeWhole(path, [bytes("one "), bytes(""), bytes("two")]);
  expect(readFileSync(path, "utf8")).toBe("one two");
  expect(readdirSync(join(dir, "a/b"))).toEqual(["file"]);
});

test("an existing file is only replaced when told", async () => {
  const path = join(dir, "file");
  await writeWhole(path, [bytes("old")]);
  await expect(writeWhole(path, [bytes("new")])).rejects.toThrow(`${path}: already exists`);
  expect(readFileSync(path, "utf8")).toBe("old");
  await writeWhole(path, [bytes("new")], { overwrite: true });
  expect(readFileSync(path, "utf8")).toBe("new");
});

test("a file that appears while another is being written is not replaced", async () => {
  const path = join(dir, "file");
  const staged = await stageFile(path, [bytes("late")]);
  writeFileSync(path, "first");
  await expect(staged.commit()).rejects.toThrow(`${path}: already exists`);
  expect(readFileSync(path, "utf8")).toBe("first");
  expect(readdirSync(dir)).toEqual(["file"]);
});

test("a failure while the content is made leaves nothing behind, and the old file as it was", async () => {
  const path = join(dir, "file");
  writeFileSync(path, "old");
  const failing = function* (): Generator<Uint8Array> {
    yield bytes("half");
    throw new Error("no more");
  };
  await expect(writeWhole(path, failing(), { overwrite: true })).rejects.toThrow(
    `${path}: cannot write: no more`,
  );
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(dir)).toEqual(["file"]);
});

test("a source reads by position, before and after it is closed", () => {
  const path = join(dir, "file");
  writeFileSync(path, "0123456789");
  const source = new FileSource(path);
  expect(source.size).toBe(10);
  expect(Buffer.from(source.read(3, 4)).toString()).toBe("3456");
  source.close();
  expect(Buffer.from(source.read(8, 2)).toString()).toBe("89");
  expect(() => source.read(8, 3)).toThrow("bytes 8 to 11 were asked for, the file has 10");
});

test("a closed source notices that its file was replaced", () => {
  const path = join(dir, "file");
  writeFileSync(path, "0123456789");
  const source = new FileSource(path);
  source.close();
  rmSync(path);
  writeFileSync(path, "01234567890");
  expect(() => source.read(0, 1)).toThrow(`${path}: the file has changed since it was opened`);
});

test("what is no file is refused by what it is, without waiting", () => {
  expect(() => new FileSource(join(dir, "none"))).toThrow(`${dir}/none: no such file`);
  expect(() => new FileSource(dir)).toThrow(`${dir}: is a folder, not a file`);
  const pipe = join(dir, "pipe");
  execFileSync("mkfifo", [pipe]);
  expect(() => new FileSource(pipe)).toThrow(`${pipe}: is a device or pipe, not a file`);
});

test("folders are made with their parents, and a file system that refuses is not asked for ever", async () => {
  expect(await makeFolders(join(dir, "a", "b"))).toBe(join(dir, "a"));
  expect(await makeFolders(join(dir, "a", "b"))).toBeUndefined();
  expect(existsSync(join(dir, "a", "b"))).toBe(true);
  if (existsSync("/proc/self")) {
    await expect(makeFolders("/proc/transferscope/x")).rejects.toThrow(/ENOENT|EACCES|EPERM/);
  }
});
