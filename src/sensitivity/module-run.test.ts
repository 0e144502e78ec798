import { describe, expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { flatLayout, unflatten, withWeights } from "../autodiff/flat.ts";
import { lowerForTraining } from "../autodiff/lower.ts";
import { stream } from "../base/random.ts";
import { bind } from "../graph/bind.ts";
import type { Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { buildModel, initialise, modelSpecSchema } from "../models/model.ts";
import type { Runtime } from "../runtime/session.ts";
import { type ImageSource, openEvaluator } from "../train/evaluate.ts";
import { frontier } from "./frontier.ts";
import { openModule } from "./module-run.ts";

const io = { channels: 3, height: 8, width: 8, classes: 5 };
const imageSize = 192;

function images(count: number): ImageSource & { fills: number } {
  const random = stream(count, "noise");
  const pixels = Float32Array.from({ length: count * imageSize }, () => random.normal());
  const set = {
    count,
    labels: Int32Array.from({ length: count }, () => random.below(io.classes)),
    fills: 0,
    fill: (into: Float32Array, from: number, some: number) => {
      set.fills++;
      into.set(pixels.subarray(from * imageSize, (from + some) * imageSize));
    },
  };
  return set;
}

/** A network with weights away from special values (norms of scale 1, zeroed last norms). */
function net(spec: Record<string, unknown>): { graph: Graph; names: string[] } {
  const model = buildModel(modelSpecSchema.parse(spec), io);
  const values = initialise(model.parameters, { init: 1, head: 1 });
  const random = stream(1, "noise", "away from special values");
  const layout = flatLayout(
    model.graph,
    model.parameters.map(({ name }) => name),
  );
  const flat = Float32Array.from(
    layout.names.flatMap((name) => [...values.get(name)!].map((w) => w + 0.1 * random.uniform())),
  );
  return { graph: withWeights(model.graph, unflatten(layout, flat)), names: [...layout.names] };
}

const zoo: Record<string, Record<string, unknown>> = {
  mlp: { arch: "mlp", hidden: [12, 9] },
  cnn: { arch: "cnn", widths: [16, 16] },
  vgg: { arch: "vgg", width: 0.125 },
  resnet: { arch: "resnet", depth: 8, norm: "batch" },
  vit: { arch: "vit", patch: 4, dim: 16, depth: 2, heads: 2 },
};

/** Counts runs by the name of the graph. */
function counting(inner: Runtime): Runtime & { readonly runs: Record<string, number> } {
  const runs: Record<string, number> = {};
  return {
    ...inner,
    runs,
    session: async (graph) => {
      const session = await inner.session(graph);
      return {
        ...session,
        bind: (feeds, outputs) => {
          const bound = session.bind(feeds, outputs);
          return {
            run: () => {
              const what = graph.name.includes(" up to ") ? "before" : "after";
              runs[what] = (runs[what] ?? 0) + 1;
              return bound.run();
            },
          };
        },
      };
    },
  };
}

describe.each(Object.entries(zoo))("%s", (_, spec) => {
  test.each(["plain", "blocked"])("every module alone is the whole network, %s layout", async (how) => {
    const here = await runtime();
    const on: Runtime = how === "plain" ? { ...here, block: 1, session: (g) => here.session(g) } : here;
    const { graph } = net(spec);
    const set = images(10);
    for (const granularity of ["layer", "block"] as const) {
      for (const module of modules(graph, granularity)) {
        const names = [...module.parameters, ...module.statistics];
        const open = await openModule(on, graph, names, { block: 6, batch: 4 });
        const evaluator = await openEvaluator(here, graph, names, 10);
        const random = stream(3, "noise", module.name);
        const vector = Float32Array.from({ length: open.layout.size }, () => 0.1 + 0.2 * random.uniform());
        const whole = await evaluator.evaluate(vector, set);
        const [losses, correct] = [new Float32Array(10), new Uint8Array(10)];
        for (const [from, count] of [
          [0, 6],
          [6, 4],
        ] as const) {
          const block = await open.block(set, from, count);
          const into = { losses: losses.subarray(from), correct: correct.subarray(from) };
          await open.run(block, vector, into);
        }
        const loss = losses.reduce((a, b) => a + b) / 10;
        expect(Math.abs(loss - whole.loss) / (1 + Math.abs(whole.loss)), module.name).toBeLessThan(1e-5);
        expect([...correct], module.name).toEqual([...whole.correct]);
        await open.release();
        await evaluator.release();
      }
    }
  });
});

describe("the part before the module", () => {
  const spec = zoo["resnet"]!;
  const layerOf = (graph: Graph, wanted: string) =>
    modules(graph, "layer").find(({ name }) => name === wanted || name.startsWith(wanted))!;

  test("runs once a block; what fits in memory is found again", async () => {
    const { graph } = net(spec);
    const on = counting(await runtime());
    const last = modules(graph, "block").at(-1)!;
    const open = await openModule(on, graph, last.parameters, { block: 4, batch: 4 });
    const set = images(12);
    const into = { losses: new Float32Array(4), correct: new Uint8Array(4) };
    const vector = new Float32Array(open.layout.size).fill(0.1);
    for (let again = 0; again < 3; again++) {
      for (const from of [0, 4, 8]) {
        const block = await open.block(set, from, 4);
        await open.run(block, vector, into);
        await open.run(block, vector, into);
      }
    }
    expect(on.runs).toEqual({ before: 3, after: 18 });
    expect(set.fills).toBe(3);
    expect(open.counts.blocks).toBe(3);
    await open.release();
  });

  test("with memory for one block, the first is kept and the others pass through", async () => {
    const { graph } = net(spec);
    const last = modules(graph, "block").at(-1)!;
    const probe = await openModule(await runtime(), graph, last.parameters, { block: 4, batch: 4 });
    const set = images(12);
    await probe.block(set, 0, 4);
    const { bytes } = probe.counts;
    await probe.release();
    expect(bytes).toBeGreaterThan(0);

    const open = await openModule(await runtime(), graph, last.parameters, {
      block: 4,
      batch: 4,
      memoryBytes: bytes,
    });
    const into = { losses: new Float32Array(4), correct: new Uint8Array(4) };
    const vector = new Float32Array(open.layout.size).fill(0.1);
    const seen: number[][] = [[], []];
    for (const round of seen) {
      for (const from of [0, 4, 8]) {
        await open.run(await open.block(set, from, 4), vector, into);
        round.push(...into.losses);
      }
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(open.counts).toEqual({ blocks: 5, runs: 6, bytes });
    const stale = await open.block(set, 4, 4);
    await open.block(set, 8, 4);
    await expect(open.run(stale, vector, into)).rejects.toThrow("used after the next one");
    await open.release();
  });

  test("crosses where a residual branch runs beside the module, and is empty for the first layer", () => {
    const { graph } = net(spec);
    const all = modules(graph, "layer");
    expect(frontier(graph, all[0]!.parameters)).toEqual([graph.inputs[0]!.name]);
    const inner = layerOf(graph, "stage1.block1.conv2");
    expect(frontier(graph, inner.parameters).length).toBe(2);
    expect(() => frontier(graph, [])).toThrow("without parameters cannot be changed");
    expect(() => frontier(graph, ["nothing"])).toThrow('does not depend on "nothing"');
  });
});

describe("statistics of the images", () => {
  test.each(["plain", "blocked"])(
    "are those of the block: the network in training mode, %s layout",
    async (how) => {
      const here = await runtime();
      const on: Runtime = how === "plain" ? { ...here, block: 1, session: (g) => here.session(g) } : here;
      const { graph } = net(zoo["resnet"]!);
      const set = images(8);
      const symbol = graph.inputs[0]!.shape[0] as string;
      const trained = lowerForTraining(bind(graph, { [symbol]: 8 })).graph;
      const plain: Graph = { ...trained, outputs: trained.outputs.slice(0, 1) };
      for (const module of modules(graph, "layer")) {
        if (module.parameters.length === 0) continue;
        const names = [...module.parameters, ...module.statistics];
        const open = await openModule(on, graph, names, {
          block: 8,
          statistics: "of the images",
        });
        const random = stream(5, "noise", module.name);
        const vector = Float32Array.from({ length: open.layout.size }, () => 0.1 + 0.2 * random.uniform());
        const into = { losses: new Float32Array(8), correct: new Uint8Array(8) };
        await open.run(await open.block(set, 0, 8), vector, into);
        const evaluator = await openEvaluator(here, plain, module.parameters, 8);
        const whole = await evaluator.evaluate(vector.subarray(0, evaluator.layout.size), set);
        const loss = into.losses.reduce((a, b) => a + b) / 8;
        expect(Math.abs(loss - whole.loss) / (1 + whole.loss), module.name).toBeLessThan(1e-5);
        await expect(open.block(set, 0, 7)).rejects.toThrow("has 8 images, got 7");
        await open.release();
        await evaluator.release();
      }
    },
  );
});
