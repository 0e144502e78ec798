import { existsSync } from "node:fs";
import { extname, join } from "node:path";
import { canonical, type Json } from "../../base/canonical.ts";
import { ScopeError } from "../../base/error.ts";
import { defaultCache, planData } from "../../data/load.node.ts";
import { describeSet } from "../../data/prepare.node.ts";
import type { DataEnv } from "../../data/types.ts";
import { buildModel } from "../../models/model.ts";
import { writeModel } from "../../onnx/write.node.ts";
import { openRuntime } from "../../runtime/ort.node.ts";
import type { Device } from "../../runtime/session.ts";
import { writeSafetensors } from "../../safetensors/write.node.ts";
import type { Cell } from "../../store/cell.node.ts";
import { type Address, addressOf, type CellSpec, shortAddress } from "../../store/spec.ts";
import { openStore, type Store } from "../../store/store.node.ts";
import { begin, nobodyGives } from "../../cells/beginning.node.ts";
import { isFile, isModelFile, readForeign } from "../../cells/foreign.node.ts";
import { importModel } from "../../cells/import.node.ts";
import * as kinds from "../../cells/kinds/index.ts";
import { trainableRoles, trainParams } from "../../cells/kinds/train.node.ts";
import { type Network, networkOf } from "../../cells/network.node.ts";
import { trainedModel } from "../../cells/trained.node.ts";
import type { TrainLook, TrainResult } from "../../cells/train-facts.ts";
import { workerUrl } from "../../cells/worker-url.node.ts";
import { sweepGraph } from "../../sweep/graph.ts";
import { onInterrupt } from "../../sweep/interrupt.node.ts";
import { requireComplete } from "../../sweep/outcome.ts";
import { planGraph } from "../../sweep/plan.ts";
import { duration } from "../../sweep/progress.ts";
import { measuredRates } from "../../sweep/rates.node.ts";
import { doneIn, runGraph } from "../../sweep/run.node.ts";
import { totalSteps } from "../../train/recipe.ts";
import { parseConfig } from "../config.ts";
import { type CommandContext, type CommandDefinition, type GlobalOptions, withGlobals } from "../globals.ts";
import { metadataOf } from "../../cells/model-facts.ts";
import { checkFolder } from "../out-folder.node.ts";
import { openToPlan } from "../plan-store.node.ts";
import { progressView } from "../progress.node.ts";
import { readFreezeList } from "../freeze-list.node.ts";
import { readText } from "../read.node.ts";
import { percent, table } from "../text.ts";
import { about } from "../time.ts";
import { type TrainFile, trainFileSchema } from "../train-file.ts";

interface TrainOptions extends GlobalOptions {
  readonly freezeList?: string;
  readonly out?: string;
  readonly overwrite?: boolean;
}

/** `train`: one network, from random weights or from a finished run. */
export const train: CommandDefinition = {
  theme: "Single runs",
  add(program, run) {
    const command = program
      .command("train <file>")
      .description("train one network from a YAML file; --out writes ONNX and safetensors")
      .option(
        "--freeze-list <file>",
        "modules that are not trained, as `criticality --freeze-list` writes them",
      )
      .option("--out <folder>", "where model.onnx and weights.safetensors go")
      .option("--overwrite", "replace these two files where they exist")
      .addHelpText(
        "after",
        `
A file like this is enough (transferscope schema train lists all fields):
  model: { arch: resnet, depth: 8 }
  data: { set: cifar10, trainSize: 5000 }
  recipe: { epochs: 10, learningRate: 0.05 }
To fine-tune a classifier of yours, with a new head for the classes of the data:
  model: { arch: given }
  start: path/to/model.onnx
  data: { set: openclipart-12, height: 96, width: 96 }`,
      );
    withGlobals(command).action((file: string, options: TrainOptions) =>
      run(options, async (context) => {
        const config = withFreezeList(parseConfig(trainFileSchema, readText(file), file), options.freezeList);
        if (options.out !== undefined) checkOut(options.out, options.overwrite === true);
        if (context.options.device !== "cpu") await openRuntime(context.options.device as Device);
        if (context.options.dryRun) await plan(config, context);
        else await compute(config, options, context);
      }),
    );
  },
};

/** The same with the modules of a list frozen, besides those that are already. @throws {ScopeError} as `readFreezeList` */
function withFreezeList(config: TrainFile, list: string | undefined): TrainFile {
  if (list === undefined) return config;
  const freeze = [...new Set([...config.recipe.freeze, ...readFreezeList(list)])];
  return { ...config, recipe: { ...config.recipe, freeze } };
}

function checkOut(out: string, overwrite: boolean): void {
  checkFolder(out, "--out");
  for (const name of overwrite ? [] : ["model.onnx", "weights.safetensors"]) {
    if (!existsSync(join(out, name))) continue;
    throw new ScopeError("usage", `--out ${out} holds ${name} already`, {
      hint: "choose another folder with --out, or allow it with --overwrite",
    });
  }
}

async function plan(config: TrainFile, { options, streams, answer }: CommandContext): Promise<void> {
  const set = await describeSet(config.data.set, { cache: defaultCache() });
  if (set.prepared === undefined && set.downloadBytes !== undefined) {
    answer(
      `1 run to compute; first of all ${set.name} (${(set.downloadBytes / 1e6).toFixed(0)} MB) would be fetched`,
      { total: 1, fetch: [{ name: set.name, downloadBytes: set.downloadBytes }] },
    );
    return;
  }
  using interrupt = onInterrupt();
  using view = progressView(options.quiet, streams);
  using planned = await openToPlan(options.store, needsStore(config));
  const spec = await specOf(config, planned.store, options.seed, {
    cache: defaultCache(),
    onProgress: view.onData,
    signal: interrupt.signal,
  });
  const graph = sweepGraph([spec], { kinds });
  const rates = await measuredRates(planned.store, graph);
  const found = planGraph(sweepGraph([spec], { kinds, rates }), await doneIn(planned.store, graph), 1);
  const address = addressOf(spec);
  const { recipe, data } = trainParams.parse(spec.params);
  const steps = totalSteps(recipe, data.trainSize!);
  answer(
    found.done === 1
      ? `already done: run ${shortAddress(address)}`
      : `1 run to compute (${shortAddress(address)}): ${steps} steps, ${rates["train"] === undefined ? "at a speed not measured yet" : about(found.wallSeconds)}`,
    { run: address, steps, ...found },
  );
}

async function compute(
  config: TrainFile,
  { out, overwrite }: TrainOptions,
  context: CommandContext,
): Promise<void> {
  const { options, streams, answer } = context;
  using interrupt = onInterrupt();
  const cell = await (async () => {
    using view = progressView(options.quiet, streams);
    // The run is put together before the store is made: what is wrong with it leaves nothing behind.
    using before = await openToPlan(options.store, needsStore(config));
    const data = { cache: defaultCache(), onProgress: view.onData, signal: interrupt.signal };
    const spec = await specOf(config, before.store, options.seed, data);
    const store = await openStore(options.store);
    if (config.start !== undefined && isModel(config.start))
      await importModel(store, config.start, { signal: interrupt.signal });
    requireComplete(
      await runGraph([spec], {
        kinds,
        label: () => `train ${config.model.arch} on ${config.data.set}`,
        store,
        workers: 1,
        workerUrl,
        device: options.device,
        signal: interrupt.signal,
        kill: interrupt.kill,
        // A failure is the command's own error, which need not be told twice.
        onEvent: (event) => (event.type === "failed" ? undefined : view.onEvent(event)),
      }),
    );
    return store.get(addressOf(spec));
  })();
  const result = cell.result() as unknown as TrainResult;
  const looks = cell.metrics() as unknown as TrainLook[];
  const written = out === undefined ? [] : await write(cell, out, overwrite === true);
  answer(
    [
      table(
        ["step", "training loss", "test loss", "test accuracy"],
        looks.map((look) => [
          String(look.step),
          look.trainLoss?.toFixed(4) ?? "",
          look.loss.toFixed(4),
          percent(look.accuracy),
        ]),
      ),
      `run ${shortAddress(cell.address)}: ${percent(result.accuracy)} of ${result.images} test images, loss ${result.loss.toFixed(4)} nats, ${result.parameters} parameters, ${duration(Number(cell.cost()?.["seconds"] ?? 0))}`,
      ...keptLate(cell.spec),
      ...written.map((path) => `wrote ${path}`),
    ].join("\n"),
    { run: cell.address, result, looks, written },
  );
}

/** A moment to keep that lies past the end of training: the end is kept instead, and `rewind` has less to look at. */
function keptLate({ params }: CellSpec): string[] {
  const { keep, recipe, data } = trainParams.parse(params);
  const perEpoch = Math.max(1, Math.floor(data.trainSize! / recipe.batch));
  const epochs = totalSteps(recipe, data.trainSize!) / perEpoch;
  const late = keep.filter((epoch) => Math.round(epoch * perEpoch) > epochs * perEpoch);
  return late.length === 0
    ? []
    : [
        `keep: ${late.join(", ")} ${late.length === 1 ? "lies" : "lie"} past the end, after ${Number(epochs.toFixed(1))} epochs: the end was kept instead (keep counts epochs, not steps)`,
      ];
}

async function specOf(
  config: TrainFile,
  store: Store,
  firstSeed: number | undefined,
  data: DataEnv,
): Promise<CellSpec> {
  const seed = firstSeed ?? config.seed;
  const seeds = { init: seed, head: seed, order: seed, augmentation: seed };
  const { model, head } = config;
  const given = model.arch === "given" ? await givenNetwork(config.start, store) : undefined;
  const wanted = given === undefined ? config.data : { ...imageSize(given), ...config.data };
  const images = await planData(wanted, data);
  const { channels, height, width, classes } = images;
  const io = { channels, height, width, classes: classes.length };
  const { parameters } =
    model.arch === "given" ? begin(given!, { data: wanted, seeds, head }, io) : buildModel(model, io);
  trainableRoles(parameters, config.recipe.freeze, config.recipe.rates);
  const params = {
    model,
    data: { ...wanted, trainSize: config.data.trainSize ?? images.counts.train },
    recipe: config.recipe,
    seeds,
    head,
    evaluate: { split: "test", count: config.evaluations },
    keep: config.keep,
  };
  return {
    kind: "train",
    version: kinds.train.version,
    // Plain data by construction; the round trip drops fields that are undefined.
    params: JSON.parse(JSON.stringify(params)) as Json,
    inputs: config.start === undefined ? {} : { start: await startAddress(config.start, store) },
  };
}

/** Whether the run begins with something that must be in the store already. @throws {ScopeError} as `stored` */
function needsStore({ start }: TrainFile): boolean {
  return start !== undefined && !isModel(start) && stored(start) !== "";
}

/** Whether `start` is a model's file. @throws {ScopeError} usage, when it is another kind of file */
function isModel(start: string): boolean {
  if (!isFile(start)) return false;
  if (extname(start).toLowerCase() === ".onnx") return true;
  throw new ScopeError("usage", `start: ${start} is no .onnx file`, {
    hint: "a run starts from a network: an .onnx file, or the address of a stored one",
  });
}

/** The cell to start from: a stored one, or the one a file is once it is imported. */
async function startAddress(start: string, store: Store): Promise<Address> {
  return isModel(start) ? await importModel(store, start, { plan: true }) : await store.find(stored(start));
}

/** @throws {ScopeError} usage, for what looks like a file and is none */
function stored(start: string): string {
  if (!isModelFile(start) && !start.includes("/")) return start;
  throw new ScopeError("usage", `start: there is no file "${start}"`, {
    hint: "name an .onnx file, or the address of a stored network; see `transferscope runs list`",
  });
}

/** The network that `arch: given` means. @throws {ScopeError} usage, when nobody gives it */
async function givenNetwork(start: string | undefined, store: Store): Promise<Network> {
  if (start === undefined) throw nobodyGives();
  return isModel(start)
    ? await readForeign(start)
    : await networkOf(await store.get(await store.find(stored(start))));
}

/** The size of image a network takes, where it takes one only. */
function imageSize({ graph }: Network): Partial<TrainFile["data"]> {
  const [, channels, height, width] = graph.inputs[0]!.shape;
  return {
    ...(channels === 1 || channels === 3 ? { channels } : {}),
    ...(typeof height === "number" ? { height } : {}),
    ...(typeof width === "number" ? { width } : {}),
  };
}

/** Writes a run's network as ONNX, which knows its images and classes, and its weights as safetensors. */
async function write(cell: Cell, out: string, overwrite: boolean): Promise<string[]> {
  const { graph, weights, params } = await trainedModel(cell);
  const { classes } = cell.result() as unknown as TrainResult;
  const paths = [join(out, "model.onnx"), join(out, "weights.safetensors")];
  const metadata = { ...graph.metadata, ...metadataOf(params.data, classes, cell.address) };
  await writeModel({ ...graph, metadata }, paths[0]!, { overwrite });
  await writeSafetensors(
    paths[1]!,
    weights,
    { run: cell.address, model: canonical(params.model as Json) },
    { overwrite },
  );
  return paths;
}
