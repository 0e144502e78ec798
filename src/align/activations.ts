import type { Graph } from "../graph/graph.ts";
import type { Runtime } from "../runtime/session.ts";
import { identityPermutations } from "../symmetry/permutations.ts";
import type { Symmetry } from "../symmetry/types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ImageSource } from "../train/evaluate.ts";
import { assign } from "./assign.ts";
import { countMoved, type Matching } from "./matching.ts";
import { gatherMoments, type Moments } from "./moments.ts";
import { valuesToWatch } from "./watch.ts";

export interface ActivationMatchingOptions {
  /** Images at a time; 128 unless told. */
  readonly batch?: number;
  /** correlation (Pearson's; unless told): which units move together. product: the mean of a·b, where size counts too. */
  readonly measure?: "correlation" | "product";
}

/**
 * Puts the units of network B in the order of A's by what they do on `images`: for every space, the assignment of B's units
 * to A's with the largest sum of correlations (or mean products) of their activations after the nonlinearity, over
 * images and, in convolutions, over positions. Spaces do not depend on each other, so one pass over the images is enough.
 * Units that never change score 0; by correlation, such units of both are then compared by an earlier value (before a
 * depthwise convolution, in an earlier block), in another pass. Elements of a space with others within (heads) score what their best inner orders do.
 *
 * @param names the weights that differ between the networks, of those in `a` and `b`
 * @throws {ScopeError} data, when there are too few images; shape, when weights do not fit the graph
 *
 * Source: correlation: Jordan et al. 2022, arXiv:2211.08403, section 4, after Li et al. 2015, arXiv:1511.07543. product:
 * Ainsworth et al. 2022, arXiv:2209.04836, section 3.1.
 */
export async function matchActivations(
  runtime: Runtime,
  graph: Graph,
  names: readonly string[],
  symmetry: Symmetry,
  a: ReadonlyMap<string, Tensor>,
  b: ReadonlyMap<string, Tensor>,
  images: ImageSource,
  options: ActivationMatchingOptions = {},
  signal?: AbortSignal,
): Promise<Matching> {
  const measure = options.measure ?? "correlation";
  const candidates = valuesToWatch(graph, symmetry);
  const only = (weights: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
    new Map(names.flatMap((name) => (weights.has(name) ? [[name, weights.get(name)!]] : [])));
  const settings = { batch: options.batch ?? 128, shift: measure === "correlation" };
  const scores = new Map<number, Scores>();
  for (let turn = 0; turn < looks; turn++) {
    const watched = candidates.flatMap((values) => {
      const now = values[turn];
      const known = now && scores.get(now.space.id);
      return now !== undefined && (known === undefined || known.silent) ? [now] : [];
    });
    if (watched.length === 0) break;
    const moments = await gatherMoments(runtime, graph, only(a), only(b), watched, images, settings, signal);
    watched.forEach(({ space }, k) => {
      const next = measure === "correlation" ? correlations(moments[k]!) : products(moments[k]!);
      const known = scores.get(space.id);
      scores.set(space.id, known === undefined ? next : fillSilent(known, next));
    });
  }
  const orders = identityPermutations(symmetry);
  const objective: number[] = [];
  let start = 0;
  let gained = 0;
  for (const outer of symmetry.spaces) {
    if (outer.within !== undefined) continue;
    const inner = symmetry.spaces.filter((space) => space.within === outer.id);
    const found =
      inner.length === 0
        ? matchPlain(scores.get(outer.id)!.values, outer.size)
        : matchWithin(
            outer.size,
            inner.map((space) => ({ size: space.size, scores: scores.get(space.id)!.values })),
          );
    start += found.start;
    if (found.total <= found.start) continue;
    gained += found.total - found.start;
    orders.set(outer.id, found.order);
    inner.forEach((space, i) => orders.set(space.id, found.inner[i]!));
    objective.push(gained);
  }
  return {
    permutations: orders,
    objective: objective.map((gain) => start + gain),
    start,
    sweeps: 1,
    moved: countMoved(symmetry, orders),
  };
}

interface Found {
  readonly start: number;
  readonly total: number;
  readonly order: Int32Array;
  readonly inner: readonly Int32Array[];
}

function matchPlain(scores: Float64Array, n: number): Found {
  let start = 0;
  for (let i = 0; i < n; i++) start += scores[i * n + i]!;
  const { columns, total } = assign(scores, n);
  return { start, total, order: columns, inner: [] };
}

/** The best order of m elements when each pair is worth what the best orders of the units within make of it. */
function matchWithin(m: number, parts: readonly { size: number; scores: Float64Array }[]): Found {
  const pairs = new Float64Array(m * m);
  let start = 0;
  const choices = parts.map(({ size: n, scores }) => {
    for (let i = 0; i < m * n; i++) start += scores[i * m * n + i]!;
    return Array.from({ length: m * m }, (_, pair) => {
      const [t, other] = [Math.floor(pair / m), pair % m];
      const block = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        const from = (t * n + i) * m * n + other * n;
        block.set(scores.subarray(from, from + n), i * n);
      }
      const { columns, total } = assign(block, n);
      pairs[pair]! += total;
      return columns;
    });
  });
  const { columns, total } = assign(pairs, m);
  const inner = parts.map(({ size: n }, part) => {
    const order = new Int32Array(m * n);
    columns.forEach((other, t) => order.set(choices[part]![t * m + other]!, t * n));
    return order;
  });
  return { start, total, order: columns, inner };
}

/** How often the images are looked at: once more, at an earlier value, for units that were silent, up to this often. */
const looks = 3;

interface Scores {
  /** [n, n], A's units down. */
  readonly values: Float64Array;
  /** One over the standard deviation of each unit of A and of B, 0 where silent; empty for products. */
  readonly scaleA: Float64Array;
  readonly scaleB: Float64Array;
  /** Whether there are units that never change in both networks, which could be each other. */
  readonly silent: boolean;
}

/** E[ab]. */
function products({ cross, count }: Moments): Scores {
  const none = new Float64Array(0);
  return { values: cross.map((sum) => sum / count), scaleA: none, scaleB: none, silent: false };
}

/** Pearson's correlations; 0 with a unit that does not change. */
function correlations(moments: Moments): Scores {
  const { size: n, count, cross, sumA, sumB } = moments;
  const scaleA = inverseDeviations(sumA, moments.squaresA, count);
  const scaleB = inverseDeviations(sumB, moments.squaresB, count);
  const values = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const covariance = cross[i * n + j]! / count - (sumA[i]! / count) * (sumB[j]! / count);
      values[i * n + j] = covariance * scaleA[i]! * scaleB[j]!;
    }
  }
  return { values, scaleA, scaleB, silent: scaleA.includes(0) && scaleB.includes(0) };
}

/** Scores of pairs of silent units from an earlier value, where they may not be silent yet. */
function fillSilent(known: Scores, next: Scores): Scores {
  const n = known.scaleA.length;
  const values = known.values.slice();
  for (let i = 0; i < n; i++) {
    if (known.scaleA[i] !== 0) continue;
    for (let j = 0; j < n; j++) if (known.scaleB[j] === 0) values[i * n + j] = next.values[i * n + j]!;
  }
  const scaleA = known.scaleA.map((scale, i) => scale || next.scaleA[i]!);
  const scaleB = known.scaleB.map((scale, i) => scale || next.scaleB[i]!);
  return { values, scaleA, scaleB, silent: scaleA.includes(0) && scaleB.includes(0) };
}

function inverseDeviations(sums: Float64Array, squares: Float64Array, count: number): Float64Array {
  return sums.map((sum, i) => {
    const mean = sum / count;
    const square = squares[i]! / count;
    const variance = square - mean * mean;
    // Sums are of numbers near their mean: a variance far below their square is rounding, and the unit constant.
    return variance > 1e-5 * square ? 1 / Math.sqrt(variance) : 0;
  });
}
