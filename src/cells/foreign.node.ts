import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { basename, extname } from "node:path";
import { withWeights } from "../autodiff/flat.ts";
import { bytesUnder } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";
import { fold, untie } from "../graph/fold.ts";
import type { Dim, Graph, Initializer } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { prune } from "../graph/topology.ts";
import { readModel } from "../onnx/read.node.ts";
import { readSafetensors } from "../safetensors/read.node.ts";
import { hashFile } from "../store/cell.node.ts";
import { decodeBFloat16, decodeFloat16 } from "../tensor/half.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { classesOf, dataOf } from "./model-facts.ts";
import { type Network, networkFrom } from "./network.node.ts";

/** A network from files of the user's. */
export interface ForeignNetwork extends Network {
  /** What was changed on the way in, one clause each. */
  readonly changes: readonly string[];
  /** The files it was read from: SHA-256 and bytes, the model's first. */
  readonly files: readonly { readonly sha256: string; readonly size: number }[];
  /** SHA-256 of names, shapes and numbers of all weights: files of external data are covered by it. */
  readonly weightsSha256: string;
}

/**
 * Reads a classifier: an `.onnx` file, or a `.safetensors` file whose weights belong into the model `graphPath`.
 * Constants are folded, parameters shared by an exporter get their own storage, the batch becomes a symbol, a final
 * Softmax is taken off (losses want logits), and outputs besides the logits (the one of that name, else the first) are dropped.
 * @throws {ScopeError} usage, for a missing file or graph; shape, listing weights that do not fit; format, unsupported, data
 */
export async function readForeign(path: string, graphPath?: string): Promise<ForeignNetwork> {
  const kind = extname(path).toLowerCase();
  if (kind === ".onnx") return await finish(path, [path], await readModel(path));
  if (kind !== ".safetensors") {
    throw new ScopeError("usage", `${path}: a model is an .onnx or a .safetensors file`, {
      hint: "export the network as ONNX",
    });
  }
  if (graphPath === undefined) {
    // A missing file is the more helpful thing to say.
    await readSafetensors(path);
    throw new ScopeError("usage", `${path} holds weights only, not the network they belong to`, {
      hint: "give the network with --graph model.onnx",
    });
  }
  const { tensors, metadata } = await readSafetensors(path);
  const graph = fold(untie(await readModel(graphPath)));
  const weights = placed(path, graphPath, graph, tensors);
  return await finish(path, [path, graphPath], {
    ...withWeights(graph, weights),
    metadata: { ...graph.metadata, ...metadata },
  });
}

async function finish(path: string, files: readonly string[], given: Graph): Promise<ForeignNetwork> {
  const changes: string[] = [];
  const graph = inFile(path, () => withLogits(openBatch(fold(untie(given))), changes));
  const network = inFile(path, () =>
    networkFrom(graph, {
      title: basename(path),
      where: path,
      data: dataOf(given.metadata, path),
      classNames: classesOf(given.metadata),
    }),
  );
  const records = [];
  for (const file of files) records.push(await hashFile(file));
  return { ...network, changes, files: records, weightsSha256: hashWeights(network.weights) };
}

/** Names the file in an error about the network in it. */
function inFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof ScopeError) || cause.message.includes(path)) throw cause;
    throw new ScopeError(cause.fault, `${path}: ${cause.message}`, { hint: cause.hint, cause });
  }
}

function hashWeights(weights: ReadonlyMap<string, Tensor>): string {
  const hash = createHash("sha256");
  for (const [name, { shape, data }] of weights) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(bytesUnder(data));
  }
  return hash.digest("hex");
}

/**
 * The graph with any number of images a batch.
 * @throws {ScopeError} unsupported, when the graph only works for the batch it was exported with
 */
function openBatch(graph: Graph): Graph {
  const [input, ...others] = graph.inputs;
  const batch = input?.shape[0];
  if (input === undefined || input.shape.length !== 4 || typeof batch === "string") return graph;
  // Unknown sizes become symbols too, so that they can be filled in for the images at hand.
  const symbols: readonly string[] = ["N", "C", "H", "W"];
  const shape = input.shape.map((dim, axis): Dim => (axis === 0 || dim === null ? symbols[axis]! : dim));
  const free: Graph = {
    ...graph,
    inputs: [{ ...input, shape }, ...others],
    outputs: graph.outputs.map((output) => ({ ...output, shape: output.shape.map(() => null) })),
    values: new Map(),
  };
  const refuse = (cause?: unknown): never => {
    throw new ScopeError(
      "unsupported",
      `the model works for batches of ${batch} only: it was exported with a fixed batch size`,
      { hint: "export it with a dynamic batch axis (PyTorch: dynamic_axes or dynamic_shapes)", cause },
    );
  };
  try {
    const opened = fold(free);
    return opened.outputs[0]?.shape[0] === "N" ? opened : refuse();
  } catch (error) {
    return error instanceof ScopeError && error.fault === "unsupported"
      ? refuse(error)
      : rethrow(error, refuse);
  }
}

function rethrow(error: unknown, refuse: (cause: unknown) => never): never {
  if (error instanceof ScopeError && (error.fault === "shape" || error.fault === "format"))
    return refuse(error);
  throw error;
}

/** The graph with its logits as the only output: the output of that name, else the first; before a final Softmax. */
function withLogits(graph: Graph, changes: string[]): Graph {
  const chosen = graph.outputs.find(({ name }) => name === "logits") ?? graph.outputs[0];
  if (chosen === undefined) return graph;
  const others = graph.outputs.filter((output) => output !== chosen).map(({ name }) => `"${name}"`);
  if (others.length > 0)
    changes.push(
      `of several outputs "${chosen.name}" is taken for the logits; left out: ${others.join(", ")}`,
    );
  const last = graph.nodes.find((node) => node.outputs.includes(chosen.name));
  if (last?.op !== "Softmax" || last.domain !== "" || graph.initializers.has(last.inputs[0]!))
    return prune(graph, [chosen.name]);
  changes.push(`the final Softmax "${last.name || last.outputs[0]}" taken off: its input are the logits`);
  return prune({ ...graph, outputs: [{ ...chosen, name: last.inputs[0]! }] });
}

/**
 * The file's weights for the graph's float initializers.
 * @throws {ScopeError} shape, listing what is missing, extra or of another shape
 */
function placed(
  path: string,
  graphPath: string,
  graph: Graph,
  tensors: ReadonlyMap<string, Initializer>,
): Map<string, Tensor> {
  const needed = modules(graph, "layer").flatMap(({ parameters, statistics }) => [
    ...parameters,
    ...statistics,
  ]);
  const problems: string[] = [];
  const show = ({ shape }: Initializer): string => `[${shape.join(", ")}]`;
  for (const name of needed) {
    if (!tensors.has(name)) problems.push(`"${name}" ${show(graph.initializers.get(name)!)} is missing`);
  }
  const weights = new Map<string, Tensor>();
  for (const [name, found] of tensors) {
    // PyTorch counts the batches its norm layers have seen; no graph needs the count.
    if (name.endsWith(".num_batches_tracked") && found.dtype === "int64") continue;
    const place = graph.initializers.get(name);
    if (place === undefined) problems.push(`"${name}" ${show(found)} has no place in the graph`);
    else if (place.shape.join() !== found.shape.join())
      problems.push(`"${name}" is ${show(found)}, the graph has ${show(place)}`);
    else weights.set(name, asFloat32(found, path));
  }
  if (problems.length === 0) return weights;
  const more = problems.length - 5;
  throw new ScopeError(
    "shape",
    `${path} does not fit ${graphPath}: ${problems.slice(0, 5).join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
    { hint: "the weights and the graph must come from the same network, with the same names" },
  );
}

function asFloat32(found: Initializer, path: string): Tensor {
  const { dtype, shape } = found;
  const { data } = found.load();
  if (dtype === "float32" || dtype === "float64") return float32(shape, data as Float32Array | Float64Array);
  if (dtype === "float16") return float32(shape, decodeFloat16(data as Uint16Array));
  if (dtype === "bfloat16") return float32(shape, decodeBFloat16(data as Uint16Array));
  throw new ScopeError("unsupported", `${path}: tensor "${found.name}" is ${dtype}, weights are floats`);
}

/** Whether a name looks like a model's file. */
export function isModelFile(name: string): boolean {
  return [".onnx", ".safetensors"].includes(extname(name).toLowerCase());
}

/** Whether there is a plain file of this name. */
export function isFile(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isFile() === true;
}
