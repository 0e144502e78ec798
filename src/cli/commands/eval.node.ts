import { existsSync } from "node:fs";
import { ScopeError } from "../../base/error.ts";
import { flatten } from "../../autodiff/flat.ts";
import { imageSource } from "../../data/batch.ts";
import { defaultCache, loadData } from "../../data/load.node.ts";
import { checkDataSpec } from "../../data/spec.ts";
import type { DataSpec, ImageShape } from "../../data/types.ts";
import { bind } from "../../graph/bind.ts";
import type { Graph } from "../../graph/graph.ts";
import { readModel } from "../../onnx/read.node.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { openStore } from "../../store/store.node.ts";
import { trainedModel } from "../../cells/trained.node.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { wilson } from "../../tensor/intervals.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { openEvaluator } from "../../train/evaluate.ts";
import {
  type CommandContext,
  type CommandDefinition,
  type GlobalOptions,
  oneOf,
  withGlobals,
} from "../globals.ts";
import { dataOf } from "../../cells/model-facts.ts";
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
      .description("accuracy and loss of a finished run (its address) or an ONNX file")
      .option("--set <name>", "data set; default: the one it was trained on, if the model says so")
      .option("--classes <names>", "classes, separated by commas, or the name of a group")
      .option("--split <name>", "train or test", oneOf("--split", ["train", "test"]), "test");
    withGlobals(command).action((name: string, options: EvalOptions) =>
      run(options, (context) => measure(name, options, context)),
    );
  },
};

async function measure(
  name: string,
  options: EvalOptions,
  { options: globals, streams, answer }: CommandContext,
): Promise<void> {
  using interrupt = onInterrupt();
  using view = progressView(globals.quiet, streams);
  const split = options.split as "train" | "test";
  const subject = await open(name, options);
  const spec = checkDataSpec(subject.data, "--set");
  if (globals.dryRun) {
    answer(`would evaluate ${name} on the ${split} images of ${spec.set}`, {
      model: name,
      data: spec,
      split,
    });
    return;
  }
  const runtime = await openRuntime(globals.device as Device);
  const data = await loadData(spec, {
    cache: defaultCache(),
    onProgress: view.onData,
    signal: interrupt.signal,
  });
  const images = data[split];
  const evaluator = await inFile(name, () =>
    openEvaluator(runtime, sized(subject.graph, data), subject.names, Math.min(256, images.count)),
  );
  if (evaluator.classes !== data.classes.length) {
    throw new ScopeError(
      "data",
      `${name} tells ${evaluator.classes} classes apart, ${spec.set} has ${data.classes.length}`,
      {
        hint: "choose as many with --classes",
      },
    );
  }
  const result = await evaluator.evaluate(
    flatten(evaluator.layout, subject.weights),
    imageSource(images, data),
    interrupt.signal,
  );
  await evaluator.release();
  const { low, high } = wilson(result.accuracy * images.count, images.count);
  answer(
    `${name} on ${images.count} ${split} images of ${spec.set}: ${percent(result.accuracy)} right (95 % interval ${percent(low)} to ${percent(high)}, over images), loss ${result.loss.toFixed(4)} nats`,
    {
      model: name,
      data: spec,
      split,
      images: images.count,
      accuracy: result.accuracy,
      interval: { low, high },
      loss: result.loss,
    },
  );
}

/** The network for images of this size, where its file leaves the size open. */
function sized(graph: Graph, { channels, height, width }: ImageShape): Graph {
  const dims = graph.inputs[0]!.shape.slice(1);
  const sizes = [channels, height, width];
  return bind(
    graph,
    Object.fromEntries(dims.flatMap((dim, i) => (typeof dim === "string" ? [[dim, sizes[i]!]] : []))),
  );
}

/** Names the file in an error about the network in it. */
async function inFile<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof ScopeError) || cause.message.includes(name)) throw cause;
    throw new ScopeError(cause.fault, `${name}: ${cause.message}`, { hint: cause.hint, cause });
  }
}

interface Subject {
  readonly graph: Graph;
  readonly names: readonly string[];
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly data: DataSpec;
}

async function open(name: string, options: EvalOptions): Promise<Subject> {
  const classes = options.classes?.includes(",") ? options.classes.split(",") : options.classes;
  const chosen = {
    ...(options.set === undefined ? {} : { set: options.set }),
    ...(classes === undefined ? {} : { classes }),
  };
  if (existsSync(name) || !/^[0-9a-f]{2,64}$/.test(name)) return await openFile(name, options.set, chosen);
  const store = await openStore(options.store, { readOnly: true });
  const cell = await store.get(await store.find(name));
  const { graph, names, weights, params } = await trainedModel(cell);
  const { channels, height, width, shuffle } = params.data;
  const data =
    options.set === undefined
      ? { ...params.data, ...chosen }
      : { channels, height, width, shuffle, ...chosen };
  return { graph, names, weights, data: JSON.parse(JSON.stringify(data)) as DataSpec };
}

async function openFile(name: string, set: string | undefined, chosen: Partial<DataSpec>): Promise<Subject> {
  const graph = await readModel(name);
  const [input, ...others] = graph.inputs;
  if (input === undefined || others.length > 0 || input.shape.length !== 4) {
    const found =
      input === undefined || others.length > 0
        ? `${graph.inputs.length} inputs`
        : `shape [${input.shape.join(", ")}]`;
    throw new ScopeError(
      "unsupported",
      `${name}: expected one input of shape [N, channels, height, width], found ${found}`,
    );
  }
  const [, channels, height, width] = input.shape;
  const size = {
    ...(channels === 1 || channels === 3 ? { channels } : {}),
    ...(typeof height === "number" ? { height } : {}),
    ...(typeof width === "number" ? { width } : {}),
  } as const;
  const own = dataOf(graph.metadata, name);
  if (set === undefined && own === undefined) {
    throw new ScopeError("usage", `${name}: on which images?`, { hint: "name a data set with --set" });
  }
  const data = set === undefined ? { ...own, ...chosen } : { ...size, ...chosen };
  return { graph, names: [], weights: new Map(), data: data as DataSpec };
}
