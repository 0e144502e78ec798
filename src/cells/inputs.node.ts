import type { CellContext } from "../sweep/kind.ts";
import { ScopeError } from "../base/error.ts";
import { imageSource } from "../data/batch.ts";
import type { DataSpec, LoadedData } from "../data/types.ts";
import { defaultCache, loadData } from "../data/load.node.ts";
import type { Graph } from "../graph/graph.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { graphFor, type Network, networkOf } from "./network.node.ts";
import { sameArchitecture } from "./same-architecture.ts";
import { mixedImages } from "./some-images.ts";

/** Networks whose weights can be added, as one graph and several weight vectors. */
export interface Family {
  readonly networks: readonly Network[];
  /** Of the first: made for the images' size where data are given. */
  readonly graph: Graph;
  readonly names: readonly string[];
  /** One weight vector a network. */
  readonly vectors: readonly Float32Array[];
}

/** Names of a cell's inputs that are networks: n0, n1, … */
export function networkInputs(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `n${i}`);
}

/**
 * The networks a cell takes as inputs, checked to be of one architecture and to suit the data.
 * @throws {ScopeError} as `networkOf`, `sameArchitecture`, `graphFor`
 */
export async function familyOf(
  context: Pick<CellContext, "input">,
  inputs: readonly string[],
  data?: { readonly images: LoadedData; readonly set: string },
): Promise<Family> {
  const networks: Network[] = [];
  for (const name of inputs) networks.push(await networkOf(context.input(name)));
  sameArchitecture(networks);
  const first = networks[0]!;
  return {
    networks,
    graph: data === undefined ? first.graph : graphFor(first, data.images, data.set),
    names: first.names,
    vectors: networks.map((network) => network.vector()),
  };
}

/** The images a cell's data section asks for. @throws {ScopeError} as `loadData` */
export function imagesOf(spec: DataSpec, context: Pick<CellContext, "signal">): Promise<LoadedData> {
  return loadData(spec, { cache: defaultCache(), signal: context.signal });
}

/**
 * Training images to estimate statistics from, in a fixed random order, and the batch to do it in.
 * @throws {ScopeError} data, when there are none
 */
export function statisticsImages(
  data: LoadedData,
  { images, batch }: { readonly images: number; readonly batch: number },
  set: string,
): { readonly source: ImageSource; readonly batch: number } {
  if (data.train.count === 0)
    throw new ScopeError("data", `${set} has no training images to estimate statistics from`);
  const split = mixedImages(data.train, images);
  return { source: imageSource(split, data), batch: Math.min(batch, split.count) };
}
