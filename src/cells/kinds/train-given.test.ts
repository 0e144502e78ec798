import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { finish, specOf, type TinyOptions, tinyTraining } from "../../../test/kit/cells.ts";
import { residualNetwork } from "../../../test/kit/graphs.ts";
import { temporaryFolder } from "../../../test/kit/temporary.ts";
import { Builder } from "../../graph/builder.ts";
import { constant, type Graph } from "../../graph/graph.ts";
import { writeModel } from "../../onnx/write.node.ts";
import { type Cell } from "../../store/cell.node.ts";
import { addressOf, type CellSpec } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { runCell } from "../../sweep/run-cell.node.ts";
import { float32 } from "../../tensor/tensor.ts";
import { importModel } from "../import.node.ts";
import { keptNetworks, networkOf } from "../network.node.ts";
import type { TrainLook, TrainResult } from "../train-facts.ts";
import { trainedModel } from "../trained.node.ts";
import { freshPlan, freshWeights } from "../fresh-weights.node.ts";
import { initialSpec } from "./initial.node.ts";
import { trainCell } from "./train.node.ts";

beforeEach(() => {
  vi.stubEnv("TRANSFERSCOPE_CACHE", temporaryFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const exported = new URL("../../../test/oracle/exports/resnet.onnx", import.meta.url).pathname;
const mobilenet = new URL("../../../../shared/data/models/mobilenetv3-small.onnx", import.meta.url).pathname;

/** Fine-tunes the network of `start` on 40 synthetic images of eight classes. */
function givenTraining(start: string, options: TinyOptions = {}): CellSpec {
  return tinyTraining({ model: { arch: "given" }, ...options }, { start });
}

async function written(graph: Graph): Promise<string> {
  const path = join(temporaryFolder(), "model.onnx");
  await writeModel(graph, path);
  return path;
}

async function importGraph(store: Store, graph: Graph): Promise<string> {
  return await importModel(store, await written(graph));
}

const small = { set: "synthetic", trainSize: 40, testSize: 30, height: 8, width: 8 } as const;
const bytes = ({ dir }: Cell): [string, string][] =>
  readdirSync(dir)
    .filter((name) => name !== "cost.json")
    .map((name) => [name, readFileSync(join(dir, name)).toString("hex")]);

describe("training a given network", () => {
  test("an exported ResNet learns eight classes; the cell holds the network for all that comes after", async () => {
    const store = await openStore(temporaryFolder());
    const start = await importModel(store, exported);
    const given = await networkOf(await store.get(start));
    const run = await finish(
      store,
      givenTraining(start, { keep: [0, 6], recipe: { steps: 40, optimizer: "adamw", learningRate: 0.003 } }),
    );
    const looks = run.metrics() as unknown as TrainLook[];
    expect(looks.at(-1)!.trainLoss).toBeLessThan(looks[0]!.loss);
    const result = run.result() as unknown as TrainResult;
    expect(result.classes).toHaveLength(8);

    const network = await networkOf(run);
    expect(network.classes).toBe(8);
    expect(network.classNames).toEqual(result.classes);
    expect(network.names).toEqual(given.names);
    const trained = await trainedModel(run);
    for (const name of network.names)
      expect(trained.weights.get(name)!.data).toEqual(network.weights.get(name)!.data);
    const logits = await finish(
      store,
      specOf(
        "logits",
        { data: trained.params.data, heldOut: { images: 8, seed: 0 }, test: {} },
        { n0: run.address },
      ),
    );
    expect(logits.result()).toMatchObject({ test: { accuracy: result.accuracy } });

    const [first] = await keptNetworks(run);
    const initial = await networkOf(await finish(store, await initialSpec(run, store)));
    expect(initial.vector()).toEqual(first!.vector());
    // Everything but the head is as given; the head's weight is drawn within ±1/√fan_in, its bias 0.
    const changed = network.names.filter(
      (name) => initial.weights.get(name)!.data.join() !== given.weights.get(name)!.data.join(),
    );
    expect(changed).toHaveLength(2);
    const [weight, bias] = changed.map((name) => initial.weights.get(name)!);
    const bound = 1 / Math.sqrt(weight!.shape[1]!);
    expect((weight!.data as Float32Array).every((value) => Math.abs(value) <= bound)).toBe(true);
    expect((bias!.data as Float32Array).every((value) => value === 0)).toBe(true);
  });

  test("frozen modules keep their bits, by module or by the beginning of a name", async () => {
    const store = await openStore(temporaryFolder());
    const start = await importGraph(store, residualNetwork());
    const before = await networkOf(await store.get(start));
    const run = await finish(
      store,
      givenTraining(start, {
        data: small,
        recipe: { freeze: ["conv1", "norm1", "stage1"], rates: { head: 2 } },
      }),
    );
    const after = await networkOf(run);
    // A bias in front of a batch norm has no gradient.
    for (const name of after.names.filter((one) => !/conv\d\.bias|shortcut\.bias/.test(one))) {
      const frozen = /^(conv1|norm1|stage1)\b/.test(name);
      const same = after.weights.get(name)!.data.join() === before.weights.get(name)!.data.join();
      expect([name, same]).toEqual([name, frozen]);
    }
    await expect(
      finish(store, givenTraining(start, { data: small, recipe: { freeze: ["stage9"] } })),
    ).rejects.toThrow(/no module is called "stage9"/);
  });

  test("stopped and taken up again, or in two cells, has the same bytes", async () => {
    const path = await written(residualNetwork());
    const store = await openStore(temporaryFolder());
    const spec = givenTraining(await importModel(store, path), { data: small });
    const whole = await finish(store, spec);
    const other = await openStore(temporaryFolder());
    await importModel(other, path);
    for (const stopAt of [5, 9, Infinity]) {
      const stop = new AbortController();
      await runCell(spec, {
        store: other,
        kinds: { train: trainCell },
        signal: stop.signal,
        onProgress({ done }) {
          if (done >= stopAt) stop.abort(new Error("stopped by the test"));
        },
      });
    }
    expect(bytes(await other.get(addressOf(spec)))).toEqual(bytes(whole));

    const first = await finish(store, givenTraining(spec.inputs["start"]!, { data: small, until: 5 }));
    const second = await finish(
      store,
      tinyTraining({ model: { arch: "given" }, data: small, head: "kept" }, { state: first.address }),
    );
    expect((await networkOf(second)).vector()).toEqual((await networkOf(whole)).vector());
  });

  test("goes on from any cell that holds a network, its head kept or new", async () => {
    const store = await openStore(temporaryFolder());
    const own = await finish(store, tinyTraining({ recipe: { steps: 4 } }));
    const kept = await finish(
      store,
      givenTraining(own.address, { head: "kept", keep: [0], recipe: { steps: 2 } }),
    );
    expect((await keptNetworks(kept))[0]!.vector()).toEqual((await networkOf(own)).vector());
    const again = await finish(store, givenTraining(kept.address, { keep: [0], recipe: { steps: 2 } }));
    expect((await keptNetworks(again))[0]!.vector()).not.toEqual((await networkOf(kept)).vector());
    // Ours all the way: fresh weights by our own initialisers.
    expect(freshPlan(again, await networkOf(again)).sentence).toMatch(/initialisers of our cnn/);
  });

  test("fresh weights of an unknown network have the spread that their place asks for", async () => {
    const store = await openStore(temporaryFolder());
    const cell = await store.get(await importModel(store, exported));
    const network = await networkOf(cell);
    const fresh = await freshWeights(cell, network, 1);
    expect([...fresh.keys()]).toEqual([...network.names]);
    for (const { name, shape, init, head } of freshPlan(cell, network).parameters) {
      const numbers = fresh.get(name)!.data as Float32Array;
      const rms = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0) / numbers.length);
      if (shape.length === 4) {
        expect(init.kind).toBe("he-normal");
        // Within four standard errors of a deviation estimated from so many numbers.
        const ratio = rms / Math.sqrt(2 / (shape[1]! * shape[2]! * shape[3]!));
        expect(Math.abs(ratio - 1)).toBeLessThan(4 / Math.sqrt(2 * numbers.length));
      } else if (shape.length === 2) expect([init.kind, head]).toEqual(["uniform-fan-in", true]);
      else expect([0, 1]).toContain(rms);
    }
    expect(freshPlan(cell, network).sentence).toMatch(/not known: fresh weights are He-normal/);
  });

  test("a real one: MobileNetV3", async ({ skip }) => {
    skip(!existsSync(mobilenet), `${mobilenet} is not here`);
    const store = await openStore(temporaryFolder());
    const start = await importModel(store, mobilenet);
    const recipe = { optimizer: "adamw", learningRate: 0.001, steps: 12, clipNorm: 1 } as const;
    const run = await finish(store, givenTraining(start, { recipe: { ...recipe, freeze: ["features.0"] } }));
    const looks = run.metrics() as unknown as TrainLook[];
    expect(looks.at(-1)!.trainLoss).toBeLessThan(looks[0]!.loss);
    const [before, after] = [await networkOf(await store.get(start)), await networkOf(run)];
    expect(after.graph.outputs.map(({ name }) => name)).toEqual(["logits"]);
    expect(after.weights.get("features.0.w")!.data).toEqual(before.weights.get("features.0.w")!.data);
    expect(after.weights.get("features.1.block.0.w")!.data).not.toEqual(
      before.weights.get("features.1.block.0.w")!.data,
    );
    expect(after.weights.get("classifier.3.w")!.shape).toEqual([8, 1024]);
  });
});

describe("a given network is refused", () => {
  test("without a start, with a kept head of other classes, for images of another size", async () => {
    const store = await openStore(temporaryFolder());
    const start = await importGraph(store, residualNetwork());
    await expect(finish(store, tinyTraining({ model: { arch: "given" } }))).rejects.toThrow(
      /arch: given trains the network of start, and there is no start/,
    );
    await expect(finish(store, givenTraining(start, { data: small, head: "kept" }))).rejects.toThrow(
      /tells 5 classes apart, synthetic has 8: its head cannot be kept/,
    );
    await expect(finish(store, givenTraining(start))).rejects.toThrow(
      /takes images of 3×8×8, those of synthetic are 3×16×16/,
    );
  });

  test("when nothing can go back through it, naming the node", async () => {
    const store = await openStore(temporaryFolder());
    const g = new Builder(17);
    const parameter = (name: string, shape: readonly number[], length: number): string =>
      g.parameter(constant(name, float32(shape, new Float32Array(length).fill(0.1))));
    const x = g.input("x", "float32", ["N", 3, 8, 8]);
    const y = g.op("Conv", [x, parameter("conv.weight", [4, 3, 1, 1], 12)]);
    const features = g.op(
      "Flatten",
      [g.op("GlobalAveragePool", [g.op("LpNormalization", [y], { axis: 1 })])],
      { axis: 1 },
    );
    g.output(g.op("Gemm", [features, parameter("fc.weight", [5, 4], 20)], { transB: 1 }));
    const start = await importGraph(store, g.finish("normalised"));
    await expect(finish(store, givenTraining(start, { data: small }))).rejects.toThrow(/LpNormalization/);
  });
});
