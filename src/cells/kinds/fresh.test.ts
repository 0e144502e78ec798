import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, specOf, tinyTraining } from "../../../test/kit/cells.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { initialise } from "../../models/initialise.ts";
import { buildModel, modelSpecSchema } from "../../models/model.ts";
import type { Cell } from "../../store/cell.node.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { freshPlan, freshWeights } from "../fresh-weights.node.ts";
import { networkOf } from "../network.node.ts";
import { trainParams } from "../train-params.ts";
import type { FreshResult } from "./fresh.node.ts";
import { initialSpec } from "./initial.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const freshOf = (store: Store, of: Cell, how: "zero" | "random", seed = 0): Promise<Cell> =>
  finish(store, specOf("fresh", { how, seed }, { n0: of.address }));

describe("a fresh cell", () => {
  test("zero: no parameter differs from 0, statistics are kept", async () => {
    const store = await openStore(temporaryFolder());
    const run = await finish(store, tinyTraining({ recipe: { steps: 3 } }));
    const before = await networkOf(run);
    const found = await networkOf(await freshOf(store, run, "zero"));
    for (const name of found.parameters)
      expect((found.weights.get(name)!.data as Float32Array).every((value) => value === 0)).toBe(true);
    for (const name of found.statistics) expect(found.weights.get(name)).toEqual(before.weights.get(name));
    expect(found.data).toEqual(before.data);
  });

  test("random: one of our networks is drawn by its own initialisers, whichever cell holds it", async () => {
    const store = await openStore(temporaryFolder());
    const run = await finish(store, tinyTraining({ recipe: { steps: 3 } }));
    const network = await networkOf(run);
    const [, channels, height, width] = network.graph.inputs[0]!.shape as [string, number, number, number];
    const { parameters } = buildModel(modelSpecSchema.parse(trainParams.parse(run.spec.params).model), {
      channels,
      height,
      width,
      classes: network.classes,
    });
    const wanted = initialise(parameters, { init: 9, head: 9 });
    const fresh = await freshOf(store, run, "random", 9);
    const found = await networkOf(fresh);
    for (const name of found.names) expect(found.weights.get(name)!.data).toEqual(wanted.get(name));
    expect((fresh.result() as unknown as FreshResult).sentence).toMatch(/initialisers of our cnn/);

    const initial = await finish(store, await initialSpec(run, store));
    const again = await freshWeights(initial, await networkOf(initial), 9);
    for (const name of found.names) expect(again.get(name)!.data).toEqual(wanted.get(name));
    const other = await freshWeights(run, network, 10);
    expect(other.get(found.parameters[0]!)!.data).not.toEqual(wanted.get(found.parameters[0]!));
    expect(freshPlan(run, network).parameters.map((info) => info.name)).toEqual(network.names);
  });

  test("body: all but the head is the other network's, which may tell other classes apart", async () => {
    const store = await openStore(temporaryFolder());
    const pretrained = await finish(store, tinyTraining({ recipe: { steps: 3 } }));
    const data = { set: "synthetic", trainSize: 40, testSize: 30, classes: "shapes" };
    const tuned = await finish(
      store,
      tinyTraining({ recipe: { steps: 2 }, data }, { start: pretrained.address }),
    );
    const made = await finish(
      store,
      specOf("fresh", { how: "body", seed: 5 }, { n0: tuned.address, body: pretrained.address }),
    );
    const [body, final, found] = await Promise.all([pretrained, tuned, made].map((cell) => networkOf(cell)));
    expect(body!.classes).not.toBe(final!.classes);
    expect(found!.classes).toBe(final!.classes);
    expect(found!.names).toEqual(final!.names);
    const drawn = await freshWeights(tuned, final!, 5);
    for (const name of found!.names) {
      const isHead = name.startsWith("head.");
      const wanted = isHead ? drawn.get(name) : body!.weights.get(name);
      expect(found!.weights.get(name)!.data, name).toEqual(wanted!.data);
    }
  });
});
