import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ScopeError } from "../../src/base/error.ts";
import { addressOf } from "../../src/store/spec.ts";
import type { CellSpec } from "../../src/store/spec.ts";
import { openStore } from "../../src/store/store.node.ts";
import type { Store } from "../../src/store/store.node.ts";
import type { SweepEvent } from "../../src/sweep/event.ts";
import { moduleBeside } from "../../src/sweep/interrupt.node.ts";
import type { Outcome } from "../../src/sweep/outcome.ts";
import { requireComplete } from "../../src/sweep/outcome.ts";
import { runGraph } from "../../src/sweep/run.node.ts";
import type { RunOptions } from "../../src/sweep/run.node.ts";
import { mayMount, remount, smallDisk } from "../kit/disk.ts";
import { temporaryFolder } from "../kit/temporary.ts";
import { cell } from "./toy/cells.ts";
import { toyKinds } from "./toy/kinds.ts";

const workerUrl = moduleBeside(import.meta.url, "toy/worker");

async function run(
  store: Store,
  specs: readonly CellSpec[],
  more: Partial<RunOptions> = {},
): Promise<{ outcome: Outcome; events: SweepEvent[] }> {
  const events: SweepEvent[] = [];
  const outcome = await runGraph(specs, {
    store,
    workers: 2,
    workerUrl,
    kinds: toyKinds,
    onEvent: (event) => events.push(event),
    ...more,
  });
  return { outcome, events };
}

const newStore = (): Promise<Store> => openStore(join(temporaryFolder(), "store"));

test("a cell that crashes its worker once is tried again, and the reason is kept", async () => {
  const store = await newStore();
  const once = cell("crash", { times: 1, value: 3 });
  const { outcome, events } = await run(store, [once]);
  expect(outcome).toMatchObject({ total: 1, finished: 1, failed: [] });
  expect(events.flatMap((event) => (event.type === "retried" ? [event.error.message] : []))).toEqual([
    "its worker process was killed by SIGKILL",
  ]);
  expect(await store.failures(addressOf(once))).toMatchObject([
    { fault: "crash", detail: "toy: about to crash\n" },
  ]);
  expect((await store.get(addressOf(once))).result()).toEqual({ value: 3 });
});

test("a cell that crashes twice fails; what needs it is blocked, the rest goes on", async () => {
  const store = await newStore();
  const bad = cell("crash", { times: 9, value: 1, how: "exit" });
  const needs = cell("sum", { add: 1 }, bad);
  const needsThat = cell("sum", { add: 2 }, needs);
  const good = cell("chain", { steps: 4, ms: 1, seed: 1 });
  const after = cell("sum", { add: 3 }, good);
  const { outcome, events } = await run(store, [needsThat, needs, bad, after, good]);
  expect(outcome).toMatchObject({ total: 5, finished: 2 });
  expect(outcome.failed).toMatchObject([
    {
      address: addressOf(bad),
      error: { fault: "runtime", message: "its worker process ended with exit code 7" },
    },
  ]);
  expect(outcome.blocked.map(({ address }) => address)).toEqual([addressOf(needsThat), addressOf(needs)]);
  expect(events.filter(({ type }) => type === "retried")).toHaveLength(1);
  expect(await store.failed()).toEqual([addressOf(bad)]);
  expect(() => requireComplete(outcome)).toThrow(
    "its worker process ended with exit code 7; 2 cells that need them",
  );
});

test("a fault that repeats itself is not tried again; fault, message and hint arrive as thrown", async () => {
  const store = await newStore();
  const cells = ["data", "diverged", "bug", "raw"].map((fault) => cell("fail", { fault }));
  const { outcome, events } = await run(store, cells);
  expect(events.some(({ type }) => type === "retried")).toBe(false);
  expect(outcome.failed.map(({ error }) => [error.fault, error.message])).toEqual([
    ["data", "the toy does not work"],
    ["diverged", "the toy does not work"],
    ["bug", "the toy does not work"],
    [
      "bug",
      expect.stringMatching(/^cell [0-9a-f]{10} \(fail\) ended with TypeError: nobody thought of this$/),
    ],
  ]);
  expect(outcome.failed[0]?.error.hint).toBe("play with another");
  const [record] = await store.failures(addressOf(cells[3]!));
  expect(record?.detail).toContain("kinds.ts");
  expect(() => requireComplete(outcome)).toThrow("(and 3 more failed)");
});

test("a fault that may pass is tried once more", async () => {
  const { outcome, events } = await run(await newStore(), [cell("fail", { fault: "io" })]);
  expect(events.filter(({ type }) => type === "retried")).toHaveLength(1);
  expect(outcome.failed).toHaveLength(1);
});

test("a worker deaf to the polite stop is ended after the grace time", async () => {
  const store = await newStore();
  const stop = new AbortController();
  const begun = Date.now();
  const { outcome } = await run(
    store,
    [cell("deaf", { ms: 60_000 }), cell("sum", { add: 1 }, cell("deaf", { ms: 60_000 }))],
    {
      signal: stop.signal,
      graceMs: 300,
      onEvent: (event) => event.type === "started" && stop.abort(),
    },
  );
  expect(outcome).toMatchObject({ cancelled: true, finished: 0, failed: [] });
  expect(Date.now() - begun).toBeLessThan(20_000);
  expect(() => requireComplete(outcome)).toThrow("stopped after 0 of 2 cells");
});

test("the second Ctrl-C does not wait for anything", async () => {
  const store = await newStore();
  const [stop, kill] = [new AbortController(), new AbortController()];
  const { outcome } = await run(store, [cell("deaf", { ms: 60_000 })], {
    signal: stop.signal,
    kill: kill.signal,
    graceMs: 100_000,
    onEvent(event) {
      if (event.type === "started") stop.abort();
      if (event.type === "stopping" && event.how === "politely") queueMicrotask(() => kill.abort());
    },
  });
  expect(outcome.cancelled).toBe(true);
  expect(await store.holder(addressOf(cell("deaf", { ms: 60_000 })))).toBeUndefined();
});

test("a sweep stopped before it began computes nothing", async () => {
  const { outcome, events } = await run(await newStore(), [cell("sum", { add: 1 })], {
    signal: AbortSignal.abort(),
  });
  expect(outcome).toMatchObject({ cancelled: true, finished: 0 });
  expect(events.some(({ type }) => type === "started")).toBe(false);
});

test("a lease left by a dead process, or held by nobody, does not hold up the sweep", async () => {
  const store = await newStore();
  const one = cell("sum", { add: 1 });
  const folder = join(store.path, "work", addressOf(one));
  mkdirSync(folder);
  const child = execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" });
  const begun = await store.begin(cell("sum", { add: 2 }));
  if (begun.state !== "begun") throw new Error(begun.state);
  const lease = readFileSync(join(store.path, "work", begun.attempt.address, "lease-1"), "utf8");
  await begun.attempt.release();
  writeFileSync(join(folder, "lease-1"), lease.replace(/"pid":\d+/, `"pid":${child.trim()}`));
  const { outcome, events } = await run(store, [one]);
  expect(outcome.finished).toBe(1);
  expect(events.some(({ type }) => type === "waiting")).toBe(false);
});

test("a cell another process works on is waited for, and taken over when it is given back", async () => {
  const store = await newStore();
  const [one, two] = [cell("sum", { add: 1 }), cell("sum", { add: 2 })];
  const held = await Promise.all([one, two].map((spec) => store.begin(spec)));
  const { outcome } = await run(store, [cell("sum", { add: 3 }, one, two), one, two], {
    pollMs: 20,
    onEvent(event) {
      if (event.type !== "waiting") return;
      const begun = held[event.address === addressOf(one) ? 0 : 1];
      if (begun?.state !== "begun") return;
      void (event.address === addressOf(one) ? begun.attempt.publish({ value: 1 }) : begun.attempt.release());
    },
  });
  expect(outcome).toMatchObject({ total: 3, finished: 2, elsewhere: 1, failed: [] });
});

test("what can't be run is refused before anything is started", async () => {
  const store = await newStore();
  const lost = cell("sum", { add: 1 }, cell("sum", { add: 77 }));
  await expect(run(store, [lost])).rejects.toThrow("is neither in store");
  await expect(run(store, [cell("sum", { add: 1 })], { workers: 0 })).rejects.toThrow(
    "expected a whole number from 1",
  );
  await expect(run(store, [cell("sun", { add: 1 })])).rejects.toThrow('this program has no cell kind "sun"');
  await expect(run(store, [{ ...cell("sum", { add: 1 }), version: 2 }])).rejects.toThrow(
    "has version 1 in this program",
  );
  const closed = await openStore(store.path, { readOnly: true });
  await expect(run(closed, [cell("sum", { add: 1 })])).rejects.toThrow("is read-only: cannot compute a cell");
  expect(readdirSync(join(store.path, "work"))).toEqual([]);
});

test("workers that can't be started, or have other code, are named", async () => {
  const store = await newStore();
  const wrong = run(store, [cell("sum", { add: 1 })], {
    workerUrl: moduleBeside(import.meta.url, "toy/nobody"),
  });
  await expect(wrong).rejects.toThrow(
    /worker processes can't be started: ended with exit code 1, saying: Error.*nobody/,
  );
  const kinds = { ...toyKinds, sum: { ...toyKinds["sum"]!, version: 2 } };
  const skew = run(store, [{ ...cell("sum", { add: 1 }), version: 2 }], { kinds });
  await expect(skew).rejects.toThrow(
    'cell kind "sum" has version 2 here, but the worker has version 1 of it',
  );
});

test("a disk that is full for one cell stops the sweep: no other cell would fare better", async () => {
  const store = await newStore();
  const cells = [1, 2, 3].map((i) => cell("write", { bytes: i, to: "/dev/full" }));
  const events: SweepEvent[] = [];
  const full = run(store, cells, { workers: 1, onEvent: (event) => events.push(event) });
  await expect(full).rejects.toThrow(/^cell [0-9a-f]{10} \(write\): no space left on the device$/);
  expect(events.filter(({ type }) => type === "started")).toHaveLength(1);
});

// The same with real disks. Where the system lets nobody mount one, the test above and src/store/disk-full.test.ts, which
// fails every single write in turn, must do.
if (mayMount()) {
  test("when the disk fills up nothing half-written looks whole, and with more space the sweep goes on", async () => {
    const disk = smallDisk(600);
    const store = await openStore(join(disk, "store"));
    const cells = [1, 2, 3, 4, 5].map((i) => cell("write", { bytes: 150_000 + i }));
    await expect(run(store, cells, { workers: 1 })).rejects.toThrow(
      /cannot write .*big\.bin: no space left on the device/,
    );
    const whole: string[] = [];
    for await (const address of store.list()) {
      expect(await store.verify(address)).toEqual([]);
      whole.push(address);
    }
    expect(whole).toHaveLength(3);
    remount(disk, "size=4m");
    const { outcome } = await run(store, cells);
    expect(outcome).toMatchObject({ total: 5, done: 3, finished: 2, failed: [] });
  });

  test("a store on a read-only file system is read, and not written to", async () => {
    const disk = smallDisk(2000);
    const path = join(disk, "store");
    await run(await openStore(path), [cell("sum", { add: 1 })]);
    remount(disk, "ro");
    const store = await openStore(path);
    expect(store.readOnly).toBe(true);
    expect((await run(store, [cell("sum", { add: 1 })])).outcome).toMatchObject({ done: 1, finished: 0 });
    const error: unknown = await run(store, [cell("sum", { add: 2 })]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ScopeError);
    expect(error).toMatchObject({
      fault: "io",
      message: `store ${path} is read-only: cannot compute a cell`,
    });
  });
}
