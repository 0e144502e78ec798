import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../base/canonical.ts";
import { nearest, ScopeError } from "../base/error.ts";
import { writeModel } from "../onnx/write.node.ts";
import type { Attempt } from "../store/attempt.node.ts";
import { type Address, addressOf, type CellSpec, shortAddress } from "../store/spec.ts";
import type { Store } from "../store/store.node.ts";
import { type ForeignNetwork, isFile, isModelFile, readForeign } from "./foreign.node.ts";
import { importCell, type ImportParams } from "./kinds/import.node.ts";
import { modelFile, networkOf } from "./network.node.ts";

/** How models are opened. */
export interface OpenOptions {
  /** The ONNX file that `.safetensors` weights belong to. */
  readonly graph?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Only say which cells they would be: files are read and checked, nothing is written. */
  readonly plan?: boolean | undefined;
}

/** A model as a cell of the store. */
export interface OpenedModel {
  readonly address: Address;
  /** What to call it: a file's name (with as much of its path as it takes to tell it from the others), a run's title. */
  readonly title: string;
}

/** The cell that a model's files are. */
function specOf({ files, weightsSha256 }: ForeignNetwork): CellSpec {
  const params: ImportParams = { files: files.map((one) => ({ ...one })), weights: weightsSha256 };
  return {
    kind: importCell.kind,
    version: importCell.version,
    params: JSON.parse(JSON.stringify(params)) as Json,
    inputs: {},
  };
}

/**
 * Takes a model of the user's into the store: an `.onnx` file, or `.safetensors` weights with the `.onnx` graph they
 * belong to. The same files are the same cell, however often and from wherever they are imported; a crash leaves
 * nothing that counts.
 * @returns the cell's address; with `plan`, the one it would have
 * @throws {ScopeError} as `readForeign`; io, when the store cannot be written to; cancelled
 */
export async function importModel(
  store: Store,
  path: string,
  { graph, signal, plan = false }: OpenOptions = {},
): Promise<Address> {
  const network = await readForeign(path, graph);
  const spec = specOf(network);
  const address = addressOf(spec);
  for (;;) {
    if (plan) return address;
    if (signal?.aborted)
      throw new ScopeError("cancelled", `stopped while importing ${path}`, { cause: signal.reason });
    const begun = await store.begin(spec);
    if (begun.state === "done") return address;
    if (begun.state === "begun") {
      await publish(begun.attempt, network);
      return address;
    }
    // Another process imports the same file, which takes it moments.
    await sleep(100);
  }
}

async function publish(attempt: Attempt, network: ForeignNetwork): Promise<void> {
  try {
    await writeModel(network.graph, join(attempt.dir, modelFile), { overwrite: true });
    await attempt.publish({
      parameters: network.parameters.reduce((sum, name) => sum + network.weights.get(name)!.data.length, 0),
      classes: network.classes,
      input: network.graph.inputs[0]!.shape.slice(1),
      changes: [...network.changes],
    });
  } catch (error) {
    await attempt.release();
    throw error;
  }
}

/**
 * The cells that a command's model names mean, in order: files (imported into the store where need be), or addresses of
 * stored runs (their beginnings).
 * @throws {ScopeError} usage, for a name that is neither, with the nearest there are; else as `importModel`, `networkOf`
 */
export async function openModels(
  store: Store,
  names: readonly string[],
  options: OpenOptions = {},
): Promise<OpenedModel[]> {
  const files = names.filter(isFile);
  const opened: OpenedModel[] = [];
  for (const name of names) {
    if (isFile(name)) {
      const address = await importModel(store, name, options);
      opened.push({ address, title: titleAmong(name, files) });
    } else {
      const address = await stored(store, name);
      opened.push({ address, title: (await networkOf(await store.get(address))).title });
    }
  }
  return opened;
}

/** A run of the store by the beginning of its address. */
async function stored(store: Store, name: string): Promise<Address> {
  if (/^[0-9a-f]{2,64}$/.test(name)) return await store.find(name);
  if (isFolder(name)) {
    const inside = modelsIn(name).map((one) => join(name, one));
    throw new ScopeError("usage", `"${name}" is a folder, expected a model file or the address of a run`, {
      hint:
        inside.length > 0 ? `in it: ${inside.slice(0, 5).join(", ")}` : "name an .onnx or .safetensors file",
    });
  }
  const folder = dirname(resolve(name));
  const there = isModelFile(name) || name.includes("/") || name.includes(sep) ? modelsIn(folder) : [];
  const runs: string[] = [];
  for await (const address of store.list()) {
    if (runs.length === 3) break;
    if (["train", "import"].includes((await store.get(address)).spec.kind)) runs.push(shortAddress(address));
  }
  const near = nearest(basename(name), there);
  const hint =
    near.length > 0
      ? `nearest in ${folder}: ${near.join(", ")}`
      : runs.length > 0
        ? `runs of this store: ${runs.join(", ")}; see \`transferscope runs list\``
        : "name an .onnx or .safetensors file, or the address of a run; see `transferscope runs list`";
  throw new ScopeError("usage", `"${name}" is neither a file nor the address of a run in the store`, {
    hint,
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function modelsIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter(isModelFile).toSorted();
  } catch {
    // No such folder: then there is nothing near.
    return [];
  }
}

/** A file's name, or as much of its path as no other file of the command shares. */
function titleAmong(name: string, files: readonly string[]): string {
  const alike = files.filter(
    (other) => basename(other) === basename(name) && resolve(other) !== resolve(name),
  );
  if (alike.length === 0) return basename(name);
  const shown = relative(process.cwd(), resolve(name));
  return shown.startsWith("..") ? resolve(name) : shown;
}
