/**
 * Speed of Transferscope in this process: `node bench/ours.ts train|eval|matmul SECONDS CASE.json`, one thread.
 * Prints one JSON line: median seconds per call and its quartiles. Started by bench.ts, two at a time where asked.
 */
import { Builder } from "../src/graph/builder.ts";
import { withWeights } from "../src/autodiff/flat.ts";
import { buildModel, initialise, modelSpecSchema } from "../src/models/model.ts";
import type { ModelIo } from "../src/models/types.ts";
import { openRuntime } from "../src/runtime/ort.node.ts";
import { trainableRoles } from "../src/cells/kinds/train.node.ts";
import { stream } from "../src/base/random.ts";
import { float32 } from "../src/tensor/tensor.ts";
import { openEvaluator } from "../src/train/evaluate.ts";
import { recipeSchema } from "../src/train/recipe.ts";
import { openTrainer } from "../src/train/trainer.ts";

interface Case {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly io: ModelIo;
  readonly batch: number;
}

/** Repetitions of about 0.1 s until the budget is spent, at least five: the same protocol as bench/peers/measure.py. */
async function secondsPerCall(
  work: (calls: number) => Promise<void>,
  budget: number,
): Promise<{ median: number; low: number; high: number }> {
  await work(3);
  const first = performance.now();
  await work(1);
  const calls = Math.max(1, Math.round(100 / (performance.now() - first)));
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < 5 || performance.now() - begin < budget * 1000) {
    const start = performance.now();
    await work(calls);
    times.push((performance.now() - start) / 1000 / calls);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

async function matmul(budget: number): Promise<unknown> {
  const n = 1024;
  const g = new Builder(17);
  g.output(g.matmul(g.input("a", "float32", [n, n]), g.input("b", "float32", [n, n])));
  const graph = g.finish("matmul");
  const session = await (await openRuntime()).session(graph);
  const random = stream(0, "noise");
  const square = () =>
    float32(
      [n, n],
      Float32Array.from({ length: n * n }, () => random.normal()),
    );
  const run = session.bind({ a: square(), b: square() }, { [graph.outputs[0]!.name]: square() });
  const time = await secondsPerCall(async (calls) => {
    for (let i = 0; i < calls; i++) await run.run();
  }, budget);
  return { gflops: (2 * n ** 3) / time.median / 1e9 };
}

async function network(what: "train" | "eval", budget: number, { spec, io, batch }: Case): Promise<unknown> {
  const model = buildModel(modelSpecSchema.parse(spec), io);
  const weights = initialise(model.parameters, { init: 0, head: 0 });
  const graph = withWeights(
    model.graph,
    new Map(model.parameters.map((info) => [info.name, float32(info.shape, weights.get(info.name)!)])),
  );
  const runtime = await openRuntime();
  const random = stream(0, "noise");
  const images = Float32Array.from({ length: batch * io.channels * io.height * io.width }, () =>
    random.normal(),
  );
  if (what === "train") {
    const targets = new Float32Array(batch * io.classes);
    for (let i = 0; i < batch; i++) targets[i * io.classes + random.below(io.classes)] = 1;
    // The batch is copied in anew at every step, as in real training.
    const source = { fill: (_: number, x: Float32Array, y: Float32Array) => (x.set(images), y.set(targets)) };
    const recipe = recipeSchema.parse({
      batch,
      learningRate: 1e-6,
      weightDecay: 0,
      schedule: { kind: "constant" },
    });
    const trainer = await openTrainer(
      runtime,
      graph,
      trainableRoles(model.parameters, [], {}).map((role) => ({ ...role, rateScale: 1 })),
      recipe,
      1e9,
      source,
    );
    let state = trainer.start();
    return secondsPerCall(async (calls) => {
      state = await trainer.advance(state, state.step + calls, () => undefined);
    }, budget);
  }
  const evaluator = await openEvaluator(
    runtime,
    graph,
    model.parameters.map((info) => info.name),
    batch,
  );
  const vector = new Float32Array(evaluator.layout.size);
  evaluator.layout.names.forEach((name, i) => vector.set(weights.get(name)!, evaluator.layout.offsets[i]!));
  const source = {
    count: batch,
    labels: new Int32Array(batch),
    fill: (into: Float32Array) => into.set(images),
  };
  return secondsPerCall(async (calls) => {
    for (let i = 0; i < calls; i++) await evaluator.evaluate(vector, source);
  }, budget);
}

const [what = "", seconds = "", json = ""] = process.argv.slice(2);
const answer =
  what === "matmul"
    ? await matmul(Number(seconds))
    : await network(what as "train" | "eval", Number(seconds), JSON.parse(json) as Case);
console.log(JSON.stringify(answer));
