import * as kinds from "../../src/cells/kinds/index.ts";
import { trainParams, type TrainParams } from "../../src/cells/kinds/train.node.ts";
import type { Json } from "../../src/base/canonical.ts";
import { readSafetensors } from "../../src/safetensors/read.node.ts";
import type { Cell } from "../../src/store/cell.node.ts";
import { addressOf, type CellSpec } from "../../src/store/spec.ts";
import type { Store } from "../../src/store/store.node.ts";
import type { CellKinds } from "../../src/sweep/kind.ts";
import { runCell } from "../../src/sweep/run-cell.node.ts";

const table: CellKinds = kinds;

/** A spec of a kind of the table, with parameters as plain data. */
export function specOf(
  kind: string,
  params: unknown,
  inputs: Readonly<Record<string, string>> = {},
): CellSpec {
  return { kind, version: table[kind]!.version, params: JSON.parse(JSON.stringify(params)) as Json, inputs };
}

export type TinyOptions = Omit<Partial<TrainParams>, "recipe" | "model"> & {
  readonly recipe?: Partial<TrainParams["recipe"]>;
  readonly model?: unknown;
};

/** A training cell of a second: 40 synthetic images, a small network with batch norm; `options` change its parameters. */
export function tinyTraining(
  { recipe, ...options }: TinyOptions = {},
  inputs: Readonly<Record<string, string>> = {},
): CellSpec {
  const params = trainParams.parse({
    model: { arch: "cnn", widths: [16, 16], norm: "batch" },
    data: { set: "synthetic", trainSize: 40, testSize: 30 },
    seeds: { init: 1, head: 2, order: 3, augmentation: 4 },
    evaluate: { split: "test", count: 2, images: 20 },
    ...options,
    recipe: { steps: 12, batch: 16, learningRate: 0.02, ...recipe },
  });
  return specOf("train", params, inputs);
}

/** Computes a cell in this process and gives it back finished. */
export async function finish(store: Store, spec: CellSpec, signal?: AbortSignal): Promise<Cell> {
  const end = await runCell(spec, { store, kinds: table, signal: signal ?? new AbortController().signal });
  if (end.state !== "finished") throw new Error(`the cell ended as ${end.state}`);
  return await store.get(addressOf(spec));
}

/** All numbers of a safetensors file of a cell, by tensor. */
export async function numbersOf(cell: Cell, file: string): Promise<Record<string, number[]>> {
  const { tensors } = await readSafetensors(cell.file(file));
  return Object.fromEntries([...tensors].map(([name, one]) => [name, Array.from(one.load().data, Number)]));
}
