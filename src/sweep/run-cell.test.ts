import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import type { Json } from "../base/canonical.ts";
import { ScopeError } from "../base/error.ts";
import { addressOf } from "../store/spec.ts";
import type { CellSpec } from "../store/spec.ts";
import { openStore } from "../store/store.node.ts";
import type { Store } from "../store/store.node.ts";
import { sweepGraph } from "./graph.ts";
import type { CellContext, CellKinds } from "./kind.ts";
import { measuredRates } from "./rates.node.ts";
import { runCell } from "./run-cell.node.ts";
import type { CellEnd } from "./run-cell.node.ts";

const spec = (params: Json, inputs: Record<string, string> = {}): CellSpec => ({
  kind: "toy",
  version: 1,
  params,
  inputs,
});
const kindsOf = (run: (context: CellContext) => Promise<Json>): CellKinds => ({
  toy: { kind: "toy", version: 1, estimate: () => ({ steps: 10 }), run },
});

function runToy(
  store: Store,
  one: CellSpec,
  run: (context: CellContext) => Promise<Json>,
  signal = new AbortController().signal,
): Promise<CellEnd> {
  return runCell(one, { store, kinds: kindsOf(run), signal });
}

test("a cell is computed from its spec and inputs, and is found finished the second time", async () => {
  const store = await openStore(temporaryFolder());
  const first = spec(2);
  const second = spec(3, { factor: addressOf(first) });
  let runs = 0;
  const multiply = async (context: CellContext): Promise<Json> => {
    runs++;
    const factor = "factor" in context.spec.inputs ? Number(context.input("factor").result()) : 1;
    context.metrics.append({ factor });
    await context.write("weights.bin", Uint8Array.of(factor));
    expect(context.device).toBe("cpu");
    expect(() => context.input("teacher")).toThrow('asks for input "teacher", which its spec lacks');
    return Number(context.params) * factor;
  };
  expect(await runToy(store, first, multiply)).toMatchObject({ state: "finished", fresh: true });
  expect(await runToy(store, second, multiply)).toMatchObject({ state: "finished", fresh: true });
  expect(await runToy(store, second, multiply)).toMatchObject({ state: "finished", fresh: false });
  expect(runs).toBe(2);
  const cell = await store.get(addressOf(second));
  expect(cell.result()).toBe(6);
  expect(cell.metrics()).toEqual([{ factor: 2 }]);
  expect(cell.cost()?.["peakBytes"]).toBeGreaterThan(1e6);
});

test("a stopped cell keeps its files and goes on with them", async () => {
  const store = await openStore(temporaryFolder());
  const stop = new AbortController();
  const half = runToy(
    store,
    spec(1),
    async (context) => {
      stop.abort(new ScopeError("cancelled", "stopped on request"));
      await context.write(".checkpoint", "half way");
      context.signal.throwIfAborted();
      return 1;
    },
    stop.signal,
  );
  expect(await half).toEqual({ state: "released" });
  expect(await store.failed()).toEqual([]);
  const whole = runToy(store, spec(1), async (context) => {
    expect(context.resumed).toBe(true);
    return readFileSync(join(context.dir, ".checkpoint"), "utf8");
  });
  expect(await whole).toMatchObject({ state: "finished" });
  expect((await store.get(addressOf(spec(1)))).result()).toBe("half way");
});

test("a failure while stopping is a failure, unless stopping caused it", async () => {
  const store = await openStore(temporaryFolder());
  const stop = new AbortController();
  const broken = runToy(
    store,
    spec(1),
    async () => {
      stop.abort();
      await wait(1);
      throw new ScopeError("diverged", "the loss is NaN");
    },
    stop.signal,
  );
  await expect(broken).rejects.toThrow("the loss is NaN");
  expect(await store.failures(addressOf(spec(1)))).toMatchObject([{ fault: "diverged" }]);
});

test("an input that is not in the store, a file error and a strange error are told by the cell's name", async () => {
  const store = await openStore(temporaryFolder());
  const lost = "ab".repeat(32);
  await expect(runToy(store, spec(1, { start: lost }), async () => 1)).rejects.toThrow(
    "cell ababababab is not in store",
  );
  const file = runToy(store, spec(2), async (context) => readFileSync(join(context.dir, "none"), "utf8"));
  await expect(file).rejects.toMatchObject({
    fault: "io",
    message: expect.stringContaining("(toy): a file or folder on the way"),
  });
  const strange = runToy(store, spec(3), () => Promise.reject(new RangeError("too far")));
  await expect(strange).rejects.toMatchObject({
    fault: "bug",
    message: expect.stringContaining("ended with RangeError: too far"),
  });
  expect(await store.unfinished()).toHaveLength(3);
});

/** Plays another machine that takes a cell over: the next lease, and the files under its number. */
function takeOver(store: Store, address: string): string {
  const work = join(store.path, "work", address);
  const lease = readFileSync(join(work, "lease-1"), "utf8");
  writeFileSync(join(work, "lease-2"), lease.replace(/"machine":"[^"]*"/, '"machine":"another"'));
  renameSync(join(work, "attempt-1"), join(work, "attempt-2"));
  return work;
}

test("a process that is taken over stops, and cannot publish", async () => {
  const store = await openStore(temporaryFolder(), { heartbeatMs: 10 });
  const address = addressOf(spec(1));
  const sleepy = runToy(store, spec(1), async (context) => {
    takeOver(store, address);
    await new Promise((_resolve, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason as Error));
    });
    return 1;
  });
  await expect(sleepy).rejects.toThrow(
    "another process took it over, because this one showed no life for too long",
  );
  const deaf = openStore(temporaryFolder());
  const late = runToy(await deaf, spec(1), async () => {
    takeOver(await deaf, address);
    return 1;
  });
  await expect(late).rejects.toMatchObject({ fault: "io" });
  expect(await (await deaf).has(address)).toBe(false);
  expect(existsSync(join((await deaf).path, "work", address, "lease-2"))).toBe(true);
});

test("a process that is taken over by one that finishes the cell has nothing to complain of", async () => {
  const store = await openStore(temporaryFolder(), { heartbeatMs: 10 });
  const other = await openStore(temporaryFolder());
  await runToy(other, spec(1), async () => 1);
  const address = addressOf(spec(1));
  const end = runToy(store, spec(1), async (context) => {
    takeOver(store, address);
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    const shelf = join(store.path, "cells", address.slice(0, 2));
    renameSync(join(other.path, "cells", address.slice(0, 2)), shelf);
    throw context.signal.reason;
  });
  expect(await end).toMatchObject({ state: "finished", fresh: false });
  expect(readdirSync(join(store.path, "failed"))).toEqual([]);
});

test("rates are what finished cells took, by kind", async () => {
  const store = await openStore(temporaryFolder());
  const specs = [spec(1), spec(2), { ...spec(3), kind: "other" }];
  const slow = async (): Promise<Json> => {
    await wait(60);
    return 1;
  };
  for (const one of specs.slice(0, 2)) await runToy(store, one, slow);
  const kinds = { ...kindsOf(slow), other: { version: 1 } };
  const rates = await measuredRates(store, sweepGraph(specs, { kinds }), { toy: 99, other: 5 });
  expect(rates["other"]).toBe(5);
  // 60 ms and a little for ten steps.
  expect(rates["toy"]).toBeGreaterThan(0.0055);
  expect(rates["toy"]).toBeLessThan(0.2);
});
