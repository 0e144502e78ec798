import { flatLayout, flatten, unflatten, withWeights } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { DataSpec, ImageShape, LoadedData } from "../data/types.ts";
import { bind } from "../graph/bind.ts";
import type { Dim, Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { readModel } from "../onnx/read.node.ts";
import { writeModel } from "../onnx/write.node.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import type { Cell } from "../store/cell.node.ts";
import { shortAddress } from "../store/spec.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { classesOf, dataOf, metadataOf, otherNotes, ownDataOf } from "./model-facts.ts";
import type { TrainResult } from "./train-facts.ts";
import { trainedModel } from "./trained.node.ts";

/** A network as every operation on weight space takes it: a graph and one vector of weights. */
export interface Network {
  /** One input [N, C, H, W], N a symbol (H and W may be); logits [N, K] first output; initializers hold the weights. */
  readonly graph: Graph;
  /** Trainable parameters, then batch norm's statistics: the order of the weight vector. */
  readonly names: readonly string[];
  readonly parameters: readonly string[];
  readonly statistics: readonly string[];
  /** By name, float32, every number finite. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** All weights as one new vector, laid out by `flatLayout(graph, names)`. */
  vector(): Float32Array;
  /** Number of classes, K. */
  readonly classes: number;
  /** Their names, where known. */
  readonly classNames: readonly string[] | undefined;
  /** The images it was trained on, where known. */
  readonly data?: DataSpec | undefined;
  /** What to call it before a person. */
  readonly title: string;
}

/** The file in which every kind of cell but training leaves its network. */
export const modelFile = "model.onnx";

/**
 * The network a finished cell holds: a training run's, or that of any kind that leaves a model.
 * @throws {ScopeError} usage, when the cell holds no network; data, when a weight is not a number; format, unsupported
 */
export async function networkOf(cell: Cell): Promise<Network> {
  const { kind } = cell.spec;
  const address = shortAddress(cell.address);
  if (kind === "train") return await finalNetwork(cell);
  if (!Object.hasOwn(cell.files, modelFile)) {
    throw new ScopeError("usage", `cell ${address} is of kind "${kind}", which makes no network`, {
      hint: "name a training run or a model; see `transferscope runs list`",
    });
  }
  const path = cell.file(modelFile);
  const graph = await readModel(path);
  const { metadata } = graph;
  return networkFrom(graph, {
    title: `${graph.name || kind} (${kind} ${address})`,
    where: `cell ${address}`,
    // What came from outside does not choose folders of this machine to read.
    data: kind === "import" ? dataOf(metadata, path) : ownDataOf(metadata, path),
    classNames: classesOf(metadata),
  });
}

async function finalNetwork(cell: Cell): Promise<Network> {
  const { divergedAfter, classes } = cell.result() as unknown as TrainResult;
  const address = shortAddress(cell.address);
  if (divergedAfter !== undefined) {
    throw new ScopeError("data", `run ${address} diverged after ${divergedAfter} steps and has no weights`);
  }
  const { graph, params } = await trainedModel(cell);
  return networkFrom(graph, {
    title: `${params.model.arch === "given" ? graph.name || "a given network" : params.model.arch} on ${params.data.set}, run ${address}`,
    where: `run ${address}`,
    data: params.data,
    classNames: classes,
  });
}

/** A network of a moment of training. */
export interface KeptNetwork extends Network {
  /** Updates done. */
  readonly step: number;
}

const keptName = /^weights-step-(\d+)\.safetensors$/;

/** Whether a cell's file holds weights kept along the way. */
export function isKept(name: string): boolean {
  return keptName.test(name);
}

/**
 * The networks a training run kept along the way (its parameter `keep`), by step.
 * @throws {ScopeError} usage, when the cell is no training run or kept none
 */
export async function keptNetworks(cell: Cell): Promise<KeptNetwork[]> {
  const final = await networkOf(cell);
  const files = Object.keys(cell.files)
    .flatMap((name) => {
      const step = keptName.exec(name)?.[1];
      return step === undefined ? [] : [{ name, step: Number(step) }];
    })
    .toSorted((a, b) => a.step - b.step);
  if (files.length === 0) {
    throw new ScopeError("usage", `cell ${shortAddress(cell.address)} kept no weights along the way`, {
      hint: "train with keep: the epochs whose weights to keep",
    });
  }
  const kept: KeptNetwork[] = [];
  for (const { name, step } of files) {
    const { tensors } = await readSafetensors(cell.file(name));
    const weights = new Map([...tensors].map(([tensor, one]) => [tensor, one.load()]));
    const title = `${final.title} at step ${step}`;
    const network = networkFrom(withWeights(final.graph, weights), {
      title,
      where: title,
      data: final.data,
      classNames: final.classNames,
    });
    kept.push({ ...network, step });
  }
  return kept;
}

/** What a network is told besides its graph. */
export interface NetworkFacts {
  readonly title: string;
  /** For messages: a file, or "run 0123456789". */
  readonly where: string;
  readonly data?: DataSpec | undefined;
  readonly classNames?: readonly string[] | undefined;
}

/**
 * A graph as a network, its weights read and looked at.
 * @throws {ScopeError} unsupported, when it has not one input [N, C, H, W] and logits [N, K], or weights that are not
 *   float32; data, when a weight is not a finite number
 */
export function networkFrom(graph: Graph, { title, where, data, classNames }: NetworkFacts): Network {
  const classes = checkForm(graph, where);
  const layers = modules(graph, "layer");
  const parameters = layers.flatMap((layer) => layer.parameters);
  const statistics = layers.flatMap((layer) => layer.statistics);
  const names = [...parameters, ...statistics];
  const weights = new Map(names.map((name) => [name, finite(graph, name, where)]));
  const layout = flatLayout(graph, names);
  return {
    graph: withWeights(graph, weights),
    names,
    parameters,
    statistics,
    weights,
    vector: () => flatten(layout, weights),
    classes,
    classNames: classNames?.length === classes ? classNames : undefined,
    data,
    title,
  };
}

/** One input [N, C, H, W] and logits [N, K]; returns K. */
function checkForm(graph: Graph, where: string): number {
  const [input, ...others] = graph.inputs;
  const show = (shape: readonly Dim[]): string => `[${shape.map((dim) => dim ?? "?").join(", ")}]`;
  if (input === undefined || others.length > 0 || input.shape.length !== 4 || input.dtype !== "float32") {
    const found =
      input === undefined || others.length > 0
        ? `${graph.inputs.length} inputs`
        : `${input.dtype} ${show(input.shape)}`;
    throw new ScopeError(
      "unsupported",
      `${where}: expected one input of float32 images [N, channels, height, width], found ${found}`,
    );
  }
  const logits = graph.outputs[0];
  const classes = logits?.shape[1];
  if (logits === undefined || logits.shape.length !== 2 || typeof classes !== "number") {
    throw new ScopeError(
      "unsupported",
      `${where}: expected logits [N, classes] as the first output, found ${logits ? show(logits.shape) : "no output"}`,
    );
  }
  return classes;
}

function finite(graph: Graph, name: string, where: string): Tensor {
  const initializer = graph.initializers.get(name)!;
  if (initializer.dtype !== "float32") {
    throw new ScopeError(
      "unsupported",
      `${where}: parameter "${name}" is ${initializer.dtype}, not float32`,
      {
        hint: "export the model with float32 weights",
      },
    );
  }
  const value = initializer.load();
  const bad = (value.data as Float32Array).findIndex((number) => !Number.isFinite(number));
  if (bad < 0) return value;
  throw new ScopeError("data", `${where}: parameter "${name}" holds ${value.data[bad]} at position ${bad}`, {
    hint: "the training that made it diverged, or the file is damaged: use an earlier checkpoint",
  });
}

/**
 * The network's graph for images of a data set: sizes that it leaves open are filled in (the batch stays open).
 * @throws {ScopeError} data, when the images or their classes are not what the network takes
 */
export function graphFor(
  network: Pick<Network, "graph" | "classes" | "title">,
  images: ImageShape & Pick<LoadedData, "classes">,
  set: string,
): Graph {
  const graph = graphOfSize(network, images, set);
  if (images.classes.length !== network.classes) {
    throw new ScopeError(
      "data",
      `${network.title} tells ${network.classes} classes apart, ${set} has ${images.classes.length}`,
      { hint: "choose as many with --classes" },
    );
  }
  return graph;
}

/** The same, whatever the classes. @throws {ScopeError} data, when the images are not what the network takes */
export function graphOfSize(
  { graph, title }: Pick<Network, "graph" | "title">,
  images: ImageShape,
  set: string,
): Graph {
  const dims = graph.inputs[0]!.shape.slice(1);
  const sizes = [images.channels, images.height, images.width];
  if (dims.some((dim, i) => typeof dim === "number" && dim !== sizes[i])) {
    throw new ScopeError(
      "data",
      `${title} takes images of ${dims.map((dim) => dim ?? "?").join("×")}, those of ${set} are ${sizes.join("×")} (channels × height × width)`,
      { hint: "give the data section the channels, height and width the network takes" },
    );
  }
  const open = dims.flatMap((dim, i) => (typeof dim === "string" ? [[dim, sizes[i]!] as const] : []));
  return open.length === 0 ? graph : bind(graph, Object.fromEntries(open));
}

/** A network's graph with other weights: a vector laid out as its own. */
export function graphWith(network: Pick<Network, "graph" | "names">, weights: Float32Array): Graph {
  return withWeights(network.graph, unflatten(flatLayout(network.graph, network.names), weights));
}

/**
 * Writes a network that a cell made, with what is known of its data and classes, and `notes` (its recipe) in the file.
 * @throws {ScopeError} io
 */
export async function writeNetwork(
  dir: string,
  like: Network,
  graph: Graph,
  notes: Readonly<Record<string, string>>,
): Promise<void> {
  const metadata = {
    ...otherNotes(like.graph.metadata),
    ...metadataOf(like.data, like.classNames),
    ...notes,
  };
  await writeModel({ ...graph, metadata }, `${dir}/${modelFile}`, { overwrite: true });
}
