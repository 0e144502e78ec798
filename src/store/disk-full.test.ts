import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { temporaryFolder } from "../../test/kit/temporary.ts";
import { ScopeError } from "../base/error.ts";
import type * as module from "./disk.node.ts";
import { addressOf } from "./spec.ts";
import type { CellSpec } from "./spec.ts";
import { openStore } from "./store.node.ts";
import type { Store } from "./store.node.ts";

/** How many more disk operations succeed. */
const disk = vi.hoisted(() => ({ left: Infinity }));

vi.mock("./disk.node.ts", async (importOriginal) => {
  const real = await importOriginal<typeof module>();
  const limited =
    <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
    async (...args: A): Promise<void> => {
      if (disk.left-- <= 0)
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      await work(...args);
    };
  return {
    ...real,
    writePlain: limited(real.writePlain),
    writeWhole: limited(real.writeWhole),
    syncFile: limited(real.syncFile),
    syncFolder: limited(real.syncFolder),
    makeFolder: limited(real.makeFolder),
  };
});

const spec: CellSpec = { kind: "toy", version: 1, params: {}, inputs: {} };

async function compute(store: Store): Promise<void> {
  const begun = await store.begin(spec);
  if (begun.state === "done") return;
  if (begun.state === "busy") throw new Error(`busy: ${String(begun.by)}`);
  try {
    writeFileSync(join(begun.attempt.dir, ".checkpoint"), "half way");
    writeFileSync(join(begun.attempt.dir, "weights.bin"), "weights");
    await begun.attempt.publish({ value: 1 });
  } catch (error) {
    await begun.attempt.release();
    throw error;
  }
}

test("wherever the disk fills up while a cell is made, the cell is missing or whole, and is finished later", async () => {
  const address = addressOf(spec);
  let failures = 0;
  for (let allowed = 0; ; allowed++) {
    const store = await openStore(join(temporaryFolder(), "store"));
    disk.left = allowed;
    const error: unknown = await compute(store).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    disk.left = Infinity;
    if (error === undefined) break;
    failures++;
    expect(error).toBeInstanceOf(ScopeError);
    expect(error).toMatchObject({
      fault: "io",
      message: expect.stringMatching(
        /^store .*: cannot (begin|finish) cell [0-9a-f]{10} \(toy\): no space left on the device$/,
      ),
    });
    if (await store.has(address)) expect(await store.verify(address)).toEqual([]);
    await compute(store);
    expect(await store.verify(address)).toEqual([]);
    const { dir } = await store.get(address);
    expect(readdirSync(dir).toSorted()).toEqual([
      "cost.json",
      "done.json",
      "result.json",
      "spec.json",
      "weights.bin",
    ]);
    expect(readFileSync(join(dir, "result.json"), "utf8")).toBe('{"value":1}\n');
    await store.tidy();
    expect(readdirSync(join(store.path, "work"))).toEqual([]);
  }
  // Spec, result, cost, four files synced, the marker, a folder made, a folder synced.
  expect(failures).toBeGreaterThanOrEqual(9);
});
