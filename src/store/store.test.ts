import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import type { Json } from "../base/canonical.ts";
import type { Attempt } from "./attempt.node.ts";
import { addressOf } from "./spec.ts";
import type { CellSpec } from "./spec.ts";
import { openStore } from "./store.node.ts";
import type { Store } from "./store.node.ts";

const spec = (params: Json): CellSpec => ({ kind: "toy", version: 1, params, inputs: {} });

async function begin(store: Store, one: CellSpec): Promise<Attempt> {
  const begun = await store.begin(one);
  if (begun.state !== "begun") throw new Error(`not begun: ${begun.state}`);
  return begun.attempt;
}

async function finish(store: Store, one: CellSpec, result: Json = { value: 1 }): Promise<string> {
  const attempt = await begin(store, one);
  writeFileSync(join(attempt.dir, "metrics.jsonl"), '{"step":1}\n{"step":2}\n');
  writeFileSync(join(attempt.dir, "weights.bin"), "weights");
  await attempt.publish(result);
  return attempt.address;
}

test("what was published can be read, and the work folder is gone", async () => {
  const store = await openStore(join(temporaryFolder(), "deep", "store"));
  const one = spec({ b: 1, a: [2] });
  expect(await store.has(addressOf(one))).toBe(false);
  const address = await finish(store, one, { accuracy: 0.5 });
  const cell = await store.get(address);
  expect(address).toBe(addressOf(one));
  expect(cell.spec).toEqual(one);
  expect(cell.result()).toEqual({ accuracy: 0.5 });
  expect(cell.metrics()).toEqual([{ step: 1 }, { step: 2 }]);
  expect(readFileSync(cell.file("weights.bin"), "utf8")).toBe("weights");
  expect(cell.cost()).toMatchObject({ attempts: 1, node: process.version });
  expect(Object.keys(cell.files)).toEqual(["metrics.jsonl", "result.json", "spec.json", "weights.bin"]);
  expect(await store.verify(address)).toEqual([]);
  expect(readdirSync(join(store.path, "work"))).toEqual([]);
  expect((await store.begin(one)).state).toBe("done");
});

test("files whose names begin with a dot are the attempt's own and are not published", async () => {
  const store = await openStore(temporaryFolder());
  const attempt = await begin(store, spec(1));
  mkdirSync(join(attempt.dir, ".scratch"));
  writeFileSync(join(attempt.dir, ".scratch", "x"), "x");
  writeFileSync(join(attempt.dir, ".checkpoint"), "x");
  const cell = await attempt.publish(null);
  expect(readdirSync(cell.dir).toSorted()).toEqual(["cost.json", "done.json", "result.json", "spec.json"]);
});

test("two runs of a cell give the same bytes, cost aside", async () => {
  const cells = [await openStore(temporaryFolder()), await openStore(temporaryFolder())].map(
    async (store) => {
      const cell = await store.get(await finish(store, spec({ a: 1 })));
      return readdirSync(cell.dir)
        .filter((name) => name !== "cost.json")
        .map((name) => [name, readFileSync(join(cell.dir, name), "utf8")]);
    },
  );
  const [first, second] = await Promise.all(cells);
  expect(second).toEqual(first);
});

test("an attempt that was given back is gone on with, in the same files", async () => {
  const store = await openStore(temporaryFolder());
  const first = await begin(store, spec(1));
  expect(first.resumed).toBe(false);
  writeFileSync(join(first.dir, ".checkpoint"), "half way");
  writeFileSync(join(first.dir, ".tmp-weights.bin"), "torn");
  await first.release();
  expect(await store.unfinished()).toEqual([first.address]);
  const second = await begin(store, spec(1));
  expect(second.resumed).toBe(true);
  expect(second.count).toBe(2);
  expect(readFileSync(join(second.dir, ".checkpoint"), "utf8")).toBe("half way");
  expect(existsSync(join(second.dir, ".tmp-weights.bin"))).toBe(false);
  await second.release();
});

test("a cell has one process at a time", async () => {
  const path = temporaryFolder();
  const [a, b] = [await openStore(path), await openStore(path)];
  const attempt = await begin(a, spec(1));
  const begun = await b.begin(spec(1));
  expect(begun.state === "busy" && String(begun.by)).toContain(`process ${process.pid} on `);
  expect(await b.holder(attempt.address)).toBeDefined();
  await attempt.publish(1);
  expect(await b.holder(attempt.address)).toBeUndefined();
  expect((await b.begin(spec(1))).state).toBe("done");
});

test("failures are kept in order, and the cell can be tried again", async () => {
  const store = await openStore(temporaryFolder());
  for (const message of ["first", "second"]) {
    const attempt = await begin(store, spec(1));
    await attempt.fail({ fault: "diverged", message, hint: "lower the rate" });
  }
  const address = addressOf(spec(1));
  expect(await store.failed()).toEqual([address]);
  expect(await store.find(address.slice(0, 6))).toBe(address);
  expect((await store.failures(address)).map(({ fault, message, hint }) => [fault, message, hint])).toEqual([
    ["diverged", "first", "lower the rate"],
    ["diverged", "second", "lower the rate"],
  ]);
  await finish(store, spec(1));
  expect(await store.failed()).toEqual([]);
  expect(await store.failures(address)).toHaveLength(2);
});

test("a cell with a file missing, short or unreadable does not count, and is computed anew", async () => {
  const store = await openStore(temporaryFolder());
  const one = spec(1);
  const address = await finish(store, one);
  const { dir } = await store.get(address);
  const whole = join(temporaryFolder(), "whole");
  cpSync(dir, whole, { recursive: true });
  const damages: [damage: () => void, message: string][] = [
    [() => rmSync(join(dir, "weights.bin")), "weights.bin is missing"],
    [() => truncateSync(join(dir, "weights.bin"), 3), "weights.bin has 3 bytes, done.json says 7"],
    [() => truncateSync(join(dir, "done.json"), 40), "done.json is not JSON"],
    [() => rmSync(join(dir, "done.json")), "it has no done.json"],
    [() => writeFileSync(join(dir, "done.json"), "{}"), "done.json, at format:"],
    [
      () =>
        writeFileSync(
          join(dir, "done.json"),
          readFileSync(join(dir, "done.json"), "utf8").replace("spec.json", "../x"),
        ),
      "done.json, at files.../x:",
    ],
  ];
  for (const [damage, message] of damages) {
    rmSync(dir, { recursive: true, force: true });
    cpSync(whole, dir, { recursive: true });
    damage();
    expect(await store.has(address)).toBe(false);
    await expect(store.get(address)).rejects.toThrow(message);
    expect((await store.verify(address))[0]).toContain(message);
    await finish(store, one);
    expect(await store.verify(address)).toEqual([]);
  }
});

test("verify finds changed bytes, files that don't belong, and another cell's spec", async () => {
  const store = await openStore(temporaryFolder());
  const address = await finish(store, spec(1));
  const { dir } = await store.get(address);
  writeFileSync(join(dir, "weights.bin"), "Weights");
  writeFileSync(join(dir, "more"), "");
  writeFileSync(
    join(dir, "spec.json"),
    readFileSync(join(dir, "spec.json"), "utf8").replace('"params":1', '"params":2'),
  );
  expect(await store.verify(address)).toEqual([
    "spec.json has other bytes than were published",
    "weights.bin has other bytes than were published",
    "more is not listed in done.json",
    `cell ${dir}: spec.json is that of another cell`,
  ]);
});

test("a copy of a store is a store, also in the middle of the work", async () => {
  const store = await openStore(temporaryFolder());
  const address = await finish(store, spec(1));
  const attempt = await begin(store, spec(2));
  writeFileSync(join(attempt.dir, ".checkpoint"), "half way");
  const path = join(temporaryFolder(), "copy");
  cpSync(store.path, path, { recursive: true });
  const copy = await openStore(path);
  expect((await copy.get(address)).result()).toEqual({ value: 1 });
  // The lease was copied too, but it is the original's: nobody works on the copy.
  const adopted = await begin(copy, spec(2));
  expect(readFileSync(join(adopted.dir, ".checkpoint"), "utf8")).toBe("half way");
  await adopted.release();
  await attempt.release();
});

test("list gives the finished cells in order", async () => {
  const store = await openStore(temporaryFolder());
  const addresses: string[] = [];
  for (let i = 0; i < 20; i++) addresses.push(await finish(store, spec(i)));
  await (await begin(store, spec("unfinished"))).release();
  mkdirSync(join(store.path, "cells", "zz"));
  mkdirSync(join(store.path, "cells", "00", "0".repeat(64)), { recursive: true });
  const listed: string[] = [];
  for await (const address of store.list()) listed.push(address);
  expect(listed).toEqual(addresses.toSorted());
  expect(await store.find(addresses[0]!.slice(0, 12))).toBe(addresses[0]);
  await expect(store.find("fffffff")).rejects.toThrow("no cell of store");
  await expect(store.find("../..")).rejects.toThrow("is not the beginning of an address");
});

test("a read-only store is read, and refuses to be written to in one sentence", async () => {
  const path = temporaryFolder();
  const address = await finish(await openStore(path), spec(1));
  const store = await openStore(path, { readOnly: true });
  expect((await store.get(address)).result()).toEqual({ value: 1 });
  expect((await store.begin(spec(1))).state).toBe("done");
  await expect(store.begin(spec(2))).rejects.toThrow(
    `store ${path} is read-only: cannot begin cell ${addressOf(spec(2)).slice(0, 10)} (toy)`,
  );
});

test("a folder that is no store is left alone", async () => {
  const path = temporaryFolder();
  await expect(openStore(path, { readOnly: true })).rejects.toThrow("is not a store: it has no store.json");
  writeFileSync(join(path, "thesis.txt"), "");
  await expect(openStore(path)).rejects.toThrow("is not a store: it has no store.json, but holds thesis.txt");
  expect(readdirSync(path)).toEqual(["thesis.txt"]);
  await expect(openStore(join(path, "thesis.txt"))).rejects.toThrow(
    "a file is in the way where a folder is needed",
  );
  writeFileSync(join(path, "store.json"), '{"format":2}');
  await expect(openStore(path)).rejects.toThrow("has layout 2, this program knows layout 1");
  writeFileSync(join(path, "store.json"), "layout 1");
  await expect(openStore(path)).rejects.toThrow("store.json is not JSON");
});

test("several processes may make the same store at once", async () => {
  const path = join(temporaryFolder(), "store");
  const stores = await Promise.all(Array.from({ length: 20 }, () => openStore(path)));
  await finish(stores[3]!, spec(1));
  expect(await stores[17]!.has(addressOf(spec(1)))).toBe(true);
  expect(readdirSync(path).toSorted()).toEqual(["cells", "failed", "store.json", "work"]);
});

test("nothing but plain files becomes a cell, and no name leads out of it", async () => {
  const store = await openStore(temporaryFolder());
  const attempt = await begin(store, spec(1));
  symlinkSync("/etc/passwd", join(attempt.dir, "weights.bin"));
  await expect(attempt.publish(1)).rejects.toThrow('wrote "weights.bin", which is not a plain file');
  rmSync(join(attempt.dir, "weights.bin"));
  await expect(attempt.publish({ loss: Number.NaN })).rejects.toThrow("$.loss is NaN");
  expect(await store.has(attempt.address)).toBe(false);
  const cell = await attempt.publish(1);
  expect(() => cell.file("../../store.json")).toThrow("has no file");
  await expect(store.get("../../../etc")).rejects.toThrow("is not an address");
});

test("a cell sealed but not moved when its process died is finished without computing", async () => {
  const store = await openStore(temporaryFolder());
  const address = await finish(store, spec(1));
  const { dir } = await store.get(address);
  const sealed = join(store.path, "work", address, "attempt-3");
  cpSync(dir, sealed, { recursive: true });
  writeFileSync(join(sealed, ".checkpoint"), "");
  rmSync(dir, { recursive: true });
  const begun = await store.begin(spec(1));
  expect(begun.state).toBe("done");
  expect(await store.verify(address)).toEqual([]);
  expect(readdirSync(join(store.path, "work"))).toEqual([]);
});

test("work outlives its lease: files are adopted also where a power failure lost the lease", async () => {
  const store = await openStore(temporaryFolder());
  const first = await begin(store, spec(1));
  writeFileSync(join(first.dir, ".checkpoint"), "half way");
  await first.release();
  rmSync(join(store.path, "work", first.address, "free-1"));
  const second = await begin(store, spec(1));
  expect(readFileSync(join(second.dir, ".checkpoint"), "utf8")).toBe("half way");
  await second.release();
});

test("tidy removes what a crash after moving left, and nothing else", async () => {
  const store = await openStore(temporaryFolder());
  const address = await finish(store, spec(1));
  mkdirSync(join(store.path, "work", address));
  const open = await begin(store, spec(2));
  await store.tidy();
  expect(readdirSync(join(store.path, "work"))).toEqual([open.address]);
  await open.release();
});
