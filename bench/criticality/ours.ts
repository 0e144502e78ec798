/**
 * A worker of bench/criticality.ts: `node ours.ts FILE OPTIONS.json`, started by pool.ts. Makes the map of a module as a
 * cell of kind `sensitivity` does, or measures how fast it is run; one thread.
 */
import { flatten } from "../../src/autodiff/flat.ts";
import { modules } from "../../src/graph/modules.ts";
import { openRuntime } from "../../src/runtime/ort.node.ts";
import { lookAtModule } from "../../src/sensitivity/look.ts";
import { openModule } from "../../src/sensitivity/module-run.ts";
import { controlled } from "../../src/sensitivity/control.ts";
import { sampleMap } from "../../src/sensitivity/sampling.ts";
import { moduleScale } from "../../src/sensitivity/scale.ts";
import { open } from "./network.ts";
import type { MapAnswer, MapOptions, Question, RateAnswer } from "./pool.ts";

const [file = "", json = ""] = process.argv.slice(2);
const options = JSON.parse(json) as MapOptions;
const runtime = await openRuntime();
const { graph, initial, final, images } = await open(file);
const parts = modules(graph, options.granularity);

/** Seconds of a call: repeated for about 0.4 s after two calls that do not count. */
async function secondsPerCall(work: () => Promise<unknown>): Promise<number> {
  await work();
  await work();
  const start = performance.now();
  let calls = 0;
  do {
    await work();
    calls++;
  } while (performance.now() - start < 400);
  return (performance.now() - start) / 1000 / calls;
}

async function rate(module: number): Promise<RateAnswer> {
  const part = parts[module]!;
  // Without memory every block is computed anew.
  const opened = await openModule(runtime, graph, part.parameters, { block: options.block, memoryBytes: 0 });
  try {
    const count = Math.min(options.block, images.count);
    const into = { losses: new Float32Array(count), correct: new Uint8Array(count) };
    opened.weights.set(flatten(opened.layout, final));
    const before = await secondsPerCall(() => opened.block(images, 0, count));
    const block = await opened.block(images, 0, count);
    const after = await secondsPerCall(() => opened.run(block, opened.weights, into));
    return { module, after: after / count, before: before / count };
  } finally {
    await opened.release();
  }
}

async function map(module: number, without?: Question["without"]): Promise<MapAnswer> {
  const { alphas, ratios, epsilon, block, maxDraws, refine, memoryBytes } = options;
  const part = parts[module]!;
  const start = performance.now();
  // With the first layer's weights among those that may change, nothing is left that comes before: these stay final.
  const still =
    without === "prefix" ? parts[0]!.parameters.filter((name) => !part.parameters.includes(name)) : [];
  const opened = await openModule(runtime, graph, [...still, ...part.parameters], { block, memoryBytes });
  try {
    const from = new Map([...initial, ...still.map((name) => [name, final.get(name)!] as const)]);
    const ends = [from, final].map((weights) => flatten(opened.layout, weights));
    const scale = moduleScale(opened.layout, ends[0]!, ends[1]!, {
      noise: "isotropic",
      seed: 0,
      statistics: new Set(still),
    });
    const look = await lookAtModule(opened, scale, ends[1]!, images);
    const seen = await sampleMap(look, {
      alphas,
      ratios,
      epsilons: [epsilon],
      span: scale.span,
      block,
      images: look.final.images,
      maxDraws,
      ...(without === "stop" ? { minDraws: maxDraws } : {}),
      refine,
    });
    const { span } = scale;
    const set = { noise: "isotropic", span, block, images: look.final.images } as const;
    const { places } = controlled({ ...set, alphas, ratios, places: seen });
    return {
      module,
      seconds: (performance.now() - start) / 1000,
      looks: opened.counts.runs,
      computed: opened.counts.blocks,
      places: places.map(({ alpha, ratio, refined, excess }) => ({
        alpha,
        ratio,
        refined,
        excess: [...excess],
      })),
    };
  } finally {
    await opened.release();
  }
}

process.on("message", ({ what, module, without }: Question) => {
  void (what === "map" ? map(module, without) : rate(module)).then((answer) => process.send!(answer));
});
process.send!("ready");
