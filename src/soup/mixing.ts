import type { FlatLayout } from "../autodiff/flat.ts";
import { ScopeError } from "../base/error.ts";
import type { Graph } from "../graph/graph.ts";
import { modules } from "../graph/modules.ts";
import { combine } from "../landscape/combine.ts";
import { sameSize } from "./average.ts";

/** Which tensors of a network are mixed with the same shares. */
export interface MixingGroups {
  /** Name of each group: a module's, or "" for the one group of a global mixture. */
  readonly modules: readonly string[];
  /** Group of each tensor, parallel to the names of the weight vector's layout. */
  readonly groups: readonly number[];
}

/**
 * One group for everything, or one a module (a layer: weight, bias and its running statistics together).
 * Deviation from Wortsman et al. 2022 (released code), which mixes every tensor by itself: a weight and its bias belong
 * together, and so do a batch norm's scale and the statistics it was trained with.
 * @throws {ScopeError} usage, when a name is in no module of the graph
 */
export function mixingGroups(graph: Graph, names: readonly string[], perModule: boolean): MixingGroups {
  if (!perModule) return { modules: [""], groups: names.map(() => 0) };
  const all = modules(graph, "layer");
  const groupOf = new Map(
    all.flatMap((one, i) => [...one.parameters, ...one.statistics].map((name) => [name, i] as const)),
  );
  const groups = names.map((name) => {
    const group = groupOf.get(name);
    if (group === undefined) {
      throw new ScopeError("usage", `"${name}" is no parameter of a module of graph "${graph.name}"`);
    }
    return group;
  });
  return { modules: all.map((one) => one.name), groups };
}

/**
 * Mixes networks [P] tensor by tensor: tensor k is Σ_i shares[groups[k]][i] · vectors[i], written to `out` [P].
 * @throws {ScopeError} shape, when sizes differ
 */
export function mix(
  layout: FlatLayout,
  vectors: readonly Float32Array[],
  groups: readonly number[],
  shares: readonly (readonly number[])[],
  out: Float32Array,
): void {
  for (const vector of [...vectors, out]) sameSize(vector, layout.size);
  groups.forEach((group, k) => {
    const [from, to] = [layout.offsets[k], layout.offsets[k + 1]];
    const pieces = vectors.map((vector) => vector.subarray(from, to));
    combine(pieces, shares[group]!, out.subarray(from, to));
  });
}

/** softmax of a row of numbers. */
export function softmax(row: readonly number[]): number[] {
  const top = Math.max(...row);
  const weights = row.map((value) => Math.exp(value - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
