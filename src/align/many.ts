import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { Runtime } from "../runtime/session.ts";
import { compose, identityPermutations, invert } from "../symmetry/permutations.ts";
import { permute } from "../symmetry/permute.ts";
import type { Permutations, Symmetry } from "../symmetry/types.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { floatsOf } from "./blocks.ts";
import { openProducts } from "./products.ts";
import { climb, type WeightMatchingOptions } from "./weights.ts";

/** How several networks were put in one order. */
export interface ManyMatching {
  /** One for each network; the first keeps its own order. */
  readonly permutations: readonly Permutations[];
  /** Σ over pairs of ⟨Pᵢ(θᵢ), Pⱼ(θⱼ)⟩ after every accepted move of a network; it never falls. */
  readonly objective: readonly number[];
  readonly start: number;
  /** Times round all networks. */
  readonly sweeps: number;
}

/**
 * Puts several networks in one order by weights: each in turn (in random order, round after round) is matched to the mean
 * of the others, until none gains. That raises Σ over pairs of ⟨Pᵢ(θᵢ), Pⱼ(θⱼ)⟩, of which no network is the centre; at
 * the end all are turned so that the first is as it was.
 * @throws {ScopeError} usage, for fewer than two networks; else as `matchWeights`
 *
 * Source: Ainsworth, Hayase and Srinivasa 2022, arXiv:2209.04836, appendix, MergeMany.
 */
export async function matchMany(
  runtime: Runtime,
  symmetry: Symmetry,
  networks: readonly ReadonlyMap<string, Tensor>[],
  options: Omit<WeightMatchingOptions, "start">,
  signal?: AbortSignal,
): Promise<ManyMatching> {
  if (networks.length < 2)
    throw new ScopeError("usage", `there is nothing to match ${networks.length} networks with`);
  const names = options.parameters.filter((name) => symmetry.tensors.has(name));
  const own = networks.map((weights) => new Map(names.map((name) => [name, checked(name, weights)])));
  const orders: Map<number, Int32Array>[] = own.map(() => identityPermutations(symmetry));
  // In their present orders, brought up to date when one moves.
  const placed: ReadonlyMap<string, Tensor>[] = [...own];
  const start = pairs(names, placed);
  const objective: number[] = [];
  let now = start;
  const products = await openProducts(runtime);
  let sweeps = 0;
  try {
    for (let moved = true; moved && sweeps < (options.maxSweeps ?? 100); sweeps++) {
      moved = false;
      for (const i of stream(options.seed, "order", "networks", sweeps).permutation(own.length)) {
        signal?.throwIfAborted();
        const others = sum(
          names,
          placed.filter((_, j) => j !== i),
        );
        const found = await climb(
          products,
          symmetry,
          others,
          own[i]!,
          { ...options, start: orders[i]! },
          signal,
        );
        const gain = (found.objective.at(-1) ?? found.start) - found.start;
        if (gain <= 0) continue;
        now += gain;
        objective.push(now);
        orders[i] = new Map(found.permutations);
        placed[i] = permute(symmetry, orders[i], own[i]!);
        moved = true;
      }
    }
  } finally {
    await products.release();
  }
  const back = invert(symmetry, orders[0]!);
  return { permutations: orders.map((one) => compose(symmetry, one, back)), objective, start, sweeps };
}

function checked(name: string, weights: ReadonlyMap<string, Tensor>): Tensor {
  floatsOf(name, weights);
  return weights.get(name)!;
}

/** The sum of several networks' weights: which order is best for the sum is best for the mean. */
function sum(
  names: readonly string[],
  networks: readonly ReadonlyMap<string, Tensor>[],
): Map<string, Tensor> {
  return new Map(
    names.map((name) => {
      const { shape } = networks[0]!.get(name)!;
      const total = new Float32Array(networks[0]!.get(name)!.data.length);
      for (const network of networks) {
        const { data } = network.get(name)!;
        for (let i = 0; i < total.length; i++) total[i]! += data[i] as number;
      }
      return [name, float32(shape, total)];
    }),
  );
}

/** Σ over pairs of the products of two networks' weights. */
function pairs(names: readonly string[], networks: readonly ReadonlyMap<string, Tensor>[]): number {
  let total = 0;
  for (const name of names) {
    const parts = networks.map((network) => network.get(name)!.data as Float32Array);
    for (let i = 0; i < parts.length; i++) {
      for (let j = 0; j < i; j++) {
        const [one, other] = [parts[i]!, parts[j]!];
        for (let k = 0; k < one.length; k++) total += one[k]! * other[k]!;
      }
    }
  }
  return total;
}
