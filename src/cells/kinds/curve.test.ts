import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { finish, specOf, tinyTraining } from "../../../test/kit/cells.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import type { Cell } from "../../store/cell.node.ts";
import { addressOf, type CellSpec } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { runCell } from "../../sweep/run-cell.node.ts";
import { networkOf } from "../network.node.ts";
import { curveCell } from "./curve.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const data = { set: "synthetic", trainSize: 40, testSize: 30 };

async function curve(store: Store, params: Record<string, unknown> = {}): Promise<CellSpec> {
  const ends: Cell[] = [];
  for (const init of [1, 2])
    ends.push(
      await finish(store, tinyTraining({ seeds: { init, head: init, order: init, augmentation: 1 } })),
    );
  const [a, b] = ends.map((cell) => cell.address) as [string, string];
  return specOf("curve", { data, seed: 5, steps: 90, batch: 16, ...params }, { a, b });
}

function bytesOf({ dir }: Cell): Record<string, string> {
  const names = readdirSync(dir).filter((name) => name !== "cost.json");
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(dir, name)).toString("hex")]));
}

test("a curve's control point starts half-way and goes where the loss is lower", async () => {
  const store = await openStore(temporaryFolder());
  const short = await finish(store, await curve(store, { steps: 1, learningRate: 1e-12 }));
  const long = await finish(store, await curve(store));
  const spec = await curve(store);
  const ends = await Promise.all(
    ["a", "b"].map(async (name) => (await networkOf(await store.get(spec.inputs[name]!))).vector()),
  );
  const half = (await networkOf(short)).vector();
  half.forEach((value, i) => expect(value).toBeCloseTo((ends[0]![i]! + ends[1]![i]!) / 2, 5));
  expect((await networkOf(long)).data).toMatchObject({ set: "synthetic" });
  const { loss } = long.result() as { loss: number };
  expect(loss).toBeLessThan((short.result() as { loss: number }).loss);
});

test("a curve that is stopped and taken up again has the same bytes", async () => {
  const calm = await openStore(temporaryFolder());
  const wanted = bytesOf(await finish(calm, await curve(calm)));
  const store = await openStore(temporaryFolder());
  const spec = await curve(store);
  const firsts: number[] = [];
  for (const stopAt of [7, 45, 61, Infinity]) {
    const stop = new AbortController();
    let first: number | undefined;
    await runCell(spec, {
      store,
      kinds: { curve: curveCell },
      signal: stop.signal,
      onProgress({ done }) {
        first ??= done;
        if (done >= stopAt) stop.abort(new Error("stopped by the test"));
      },
    });
    firsts.push(first!);
  }
  expect(firsts).toEqual([1, 1, 41, 61]);
  expect(bytesOf(await store.get(addressOf(spec)))).toEqual(wanted);
});
