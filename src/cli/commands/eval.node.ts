import { existsSync } from "node:fs";
import { ScopeError } from "../../base/error.ts";
import { flatten } from "../../autodiff/flat.ts";
import { imageSource } from "../../data/batch.ts";
import { defaultCache, loadData } from "../../data/load.node.ts";
import { checkDataSpec } from "../../data/spec.ts";
import type { DataSpec } from "../../data/types.ts";
import type { Graph } from "../../graph/graph.ts";
import { readModel } from "../../onnx/read.node.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { openStore } from "../../store/store.node.ts";
import { trainedModel } from "../../study/trained.node.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { wilson } from "../../tensor/intervals.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { openEvaluator } from "../../train/evaluate.ts";
import { type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { progressView } from "../progress.node.ts";
import { percent } from "../text.ts";

interface EvalOptions extends GlobalOptions {
  readonly set?: string;
  readonly classes?: string;
  readonly split: string;
}

/** `eval`: accuracy and loss of a finished run, or of an ONNX file, on a split of a data set. */
export const evaluate: CommandDefinition = {
  theme: "Single runs",
  add(program, run) {
    const command = program
      .command("eval <model>")
      .description("accuracy and loss of a finished run (its address) or of an ONNX classifier (its file)")
      .option("--set <name>", "data set; default: the one the run was trained on")
      .option("--classes <names>", "classes, separated by commas, or the name of a group")
      .option("--split <name>", "train or test", "test");
    withGlobals(command).action((name: string, options: EvalOptions) =>
      run(options, async ({ options: globals, answer }) => {
        using interrupt = onInterrupt();
        using view = progressView(globals.quiet);
        const { split } = options;
        if (split !== "train" && split !== "test") throw new ScopeError("usage", `--split is train or test, got "${split}"`);
        const subject = await open(name, options);
        const spec = checkDataSpec(subject.data, "--set");
        if (globals.dryRun) {
          answer(`would evaluate ${name} on the ${split} images of ${spec.set}`, { model: name, data: spec, split });
          return;
        }
        const data = await loadData(spec, { cache: defaultCache(), onProgress: view.onData, signal: interrupt.signal });
        const images = data[split];
        const classes = subject.graph.outputs[0]?.shape[1];
        if (typeof classes === "number" && classes !== data.classes.length) {
          throw new ScopeError("data", `${name} tells ${classes} classes apart, ${spec.set} has ${data.classes.length}`, { hint: "choose as many with --classes" });
        }
        const evaluator = await openEvaluator(await openRuntime(globals.device as Device), subject.graph, subject.names, Math.min(256, images.count));
        const result = await evaluator.evaluate(flatten(evaluator.layout, subject.weights), imageSource(images, data), interrupt.signal);
        await evaluator.release();
        const { low, high } = wilson(result.accuracy * images.count, images.count);
        answer(
          `${name} on ${images.count} ${split} images of ${spec.set}: ${percent(result.accuracy)} right (95 % interval ${percent(low)} to ${percent(high)}, over images), loss ${result.loss.toFixed(4)} nats`,
          { model: name, data: spec, split, images: images.count, accuracy: result.accuracy, interval: { low, high }, loss: result.loss },
        );
      }),
    );
  },
};

interface Subject {
  readonly graph: Graph;
  readonly names: readonly string[];
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly data: DataSpec;
}

async function open(name: string, options: EvalOptions): Promise<Subject> {
  const classes = options.classes?.includes(",") ? options.classes.split(",") : options.classes;
  const chosen = { ...(options.set === undefined ? {} : { set: options.set }), ...(classes === undefined ? {} : { classes }) };
  if (name.endsWith(".onnx") || existsSync(name)) {
    const graph = await readModel(name);
    if (options.set === undefined) throw new ScopeError("usage", `${name}: on which images?`, { hint: "name a data set with --set" });
    const [input, ...others] = graph.inputs;
    const [, channels, height, width] = input?.shape ?? [];
    if (input === undefined || others.length > 0 || input.shape.length !== 4) {
      throw new ScopeError("unsupported", `${name}: expected one input of shape [N, channels, height, width], found ${graph.inputs.length} inputs`);
    }
    const size = {
      ...(channels === 1 || channels === 3 ? { channels } : {}),
      ...(typeof height === "number" ? { height } : {}),
      ...(typeof width === "number" ? { width } : {}),
    };
    return { graph, names: [], weights: new Map(), data: { set: options.set, ...size, ...chosen } as DataSpec };
  }
  const store = await openStore(options.store, { readOnly: true });
  const cell = await store.get(await store.find(name));
  const { graph, names, weights, params } = await trainedModel(cell);
  const { channels, height, width, shuffle } = params.data;
  const data = options.set === undefined ? { ...params.data, ...chosen } : { channels, height, width, shuffle, ...chosen };
  return { graph, names, weights, data: JSON.parse(JSON.stringify(data)) as DataSpec };
}
