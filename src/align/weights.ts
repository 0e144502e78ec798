import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { Runtime } from "../runtime/session.ts";
import { complete } from "../symmetry/permutations.ts";
import type { Permutations, Space, Symmetry } from "../symmetry/types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Block, blockProduct, blocksOf, floatsOf } from "./blocks.ts";
import type { Climb, Compared, Visit } from "./climb.ts";
import { countMoved, type Matching } from "./matching.ts";
import { visitNested } from "./nested.ts";
import { visitPlain } from "./plain.ts";
import { openProducts, type Products } from "./products.ts";

export interface WeightMatchingOptions {
  /** Decides in which order spaces are visited. */
  readonly seed: number;
  /** Names of the tensors to compare: trainable parameters, not running statistics. Those that carry no space are ignored. */
  readonly parameters: readonly string[];
  /** 100 unless told. */
  readonly maxSweeps?: number;
  /** Where to start; everything in its own order unless told. */
  readonly start?: Permutations;
}

/**
 * Puts the units of network B in the order of A's by comparing weights alone: maximises Σ⟨A, P(B)⟩ over the tensors that
 * carry a space of `symmetry`, one space at a time with all others as they are: a linear assignment problem each.
 * Spaces are visited sweep after sweep until none can gain, first from the fixed ends inwards, then in random order; the
 * objective never falls. For a space with others within (heads and their units), the score of a pair is that of its
 * best inner orders.
 *
 * @throws {ScopeError} shape, when weights are missing or of other shapes; unsupported, when they are not float32; data,
 *   when they are not finite numbers
 *
 * Source: Ainsworth, Hayase and Srinivasa 2022, arXiv:2209.04836, section 3.2, algorithm 1. Deviations: the
 * first sweep has an order and leaves out tensors whose other spaces are in none yet (theirs is random, with everything:
 * planted orders were then missed at times, and objectives of unrelated networks lower); a space is looked at again only
 * when one it shares a tensor with has moved, and its scores are brought up to date by the columns that moved, which
 * gives the same moves; nested spaces are ours.
 */
export async function matchWeights(
  runtime: Runtime,
  symmetry: Symmetry,
  a: ReadonlyMap<string, Tensor>,
  b: ReadonlyMap<string, Tensor>,
  options: WeightMatchingOptions,
  signal?: AbortSignal,
): Promise<Matching> {
  const products = await openProducts(runtime);
  try {
    return await climb(products, symmetry, a, b, options, signal);
  } finally {
    await products.release();
  }
}

/** `matchWeights` with a session that is open already, for who matches often. */
export async function climb(
  products: Products,
  symmetry: Symmetry,
  a: ReadonlyMap<string, Tensor>,
  b: ReadonlyMap<string, Tensor>,
  options: WeightMatchingOptions,
  signal?: AbortSignal,
): Promise<Matching> {
  const compared = blocksToCompare(symmetry, a, b, options.parameters);
  const orders = complete(symmetry, options.start ?? new Map());
  const start = compared.reduce((sum, block) => sum + blockProduct(block, block.a, block.b, orders), 0);
  const norms = sumOfNorms(compared);
  const state: Climb = { products, orders, least: 1e-12 * norms };

  const groups = toGroups(symmetry.spaces);
  const touched = groups.map(({ members }) => {
    const ids = new Set(members.map((space) => space.id));
    return compared.filter((block) =>
      block.digits.some(({ space }) => space !== undefined && ids.has(space)),
    );
  });
  const visits = groups.map(({ outer, inner }, i): Visit =>
    inner.length === 0
      ? visitPlain(state, outer, touched[i]!)
      : visitNested(state, outer, inner, touched[i]!),
  );
  const neighbours = groups.map((group, i) => {
    const blocks = new Set(touched[i]);
    return groups.flatMap((other, j) => {
      if (i === j) return dependsOnItself(group, touched[i]!) ? [i] : [];
      return touched[j]!.some((block) => blocks.has(block)) ? [j] : [];
    });
  });

  const stale = groups.map(() => true);
  const objective: number[] = [];
  let now = start;
  const visit = async (i: number, counts: (block: Compared) => boolean): Promise<void> => {
    signal?.throwIfAborted();
    if (!stale[i]!) return;
    stale[i] = false;
    const gain = await visits[i]!(counts);
    if (gain === 0) return;
    now += gain;
    objective.push(now);
    for (const j of neighbours[i]!) stale[j] = true;
  };
  let sweeps = 0;
  const maxSweeps = options.maxSweeps ?? 100;
  for (; sweeps < maxSweeps && stale.includes(true); sweeps++) {
    const order = stream(options.seed, "order", sweeps).permutation(groups.length);
    if (sweeps > 0 || options.start !== undefined) {
      for (const i of order) await visit(i, () => true);
    } else {
      for (const { i, counts } of inwards(groups, touched, order)) {
        await visit(i, counts);
        stale[i] ||= !touched[i]!.every(counts);
      }
    }
  }
  return { permutations: orders, objective, start, sweeps, moved: countMoved(symmetry, orders) };
}

function blocksToCompare(
  symmetry: Symmetry,
  a: ReadonlyMap<string, Tensor>,
  b: ReadonlyMap<string, Tensor>,
  parameters: readonly string[],
): Compared[] {
  return parameters
    .filter((name) => symmetry.tensors.has(name))
    .flatMap((name) => {
      const [left, right] = [floatsOf(name, a), floatsOf(name, b)];
      blocksOf(symmetry, name, b.get(name)!.shape);
      return blocksOf(symmetry, name, a.get(name)!.shape).map((block) => ({
        ...block,
        a: left,
        b: right,
        norm: normProduct(block, left, right),
      }));
    });
}

/** ‖A‖·‖B‖ of a block. @throws {ScopeError} data, when a weight is not finite */
function normProduct(block: Block, a: Float32Array, b: Float32Array): number {
  const still = new Map<number, Int32Array>();
  const found = Math.sqrt(blockProduct(block, a, a, still) * blockProduct(block, b, b, still));
  if (Number.isFinite(found)) return found;
  throw new ScopeError("data", `the weights of "${block.tensor}" are not all finite numbers`);
}

interface Group {
  readonly outer: Space;
  readonly inner: readonly Space[];
  readonly members: readonly Space[];
}

/** Spaces with those that lie within them. */
function toGroups(spaces: readonly Space[]): Group[] {
  return spaces
    .filter((space) => space.within === undefined)
    .map((outer) => {
      const inner = spaces.filter((space) => space.within === outer.id);
      const deeper = spaces.find((space) => inner.some((one) => one.id === space.within));
      if (deeper !== undefined) {
        throw new ScopeError(
          "unsupported",
          `space "${deeper.name}" lies within a space that lies within another`,
        );
      }
      return { outer, inner, members: [outer, ...inner] };
    });
}

/**
 * The first sweep: from the fixed ends of the network inwards. Next is always the group of which the largest share of the
 * objective can be judged: blocks whose other spaces have been visited, or that have none. Only these count, for what a
 * tensor says about one space is noise while its other space is in no order yet.
 */
function* inwards(
  groups: readonly Group[],
  touched: readonly (readonly Compared[])[],
  order: Int32Array,
): Generator<{ readonly i: number; readonly counts: (block: Block) => boolean }> {
  const known = new Set<number>();
  const judges = groups.map(({ members }) => {
    const own = new Set(members.map((space) => space.id));
    return (block: Block): boolean =>
      block.digits.every(({ space }) => space === undefined || own.has(space) || known.has(space));
  });
  for (const left = [...order]; left.length > 0;) {
    const shares = left.map((i) => {
      const seen = touched[i]!.filter(judges[i]!);
      return sumOfNorms(seen) / Math.max(sumOfNorms(touched[i]!), Number.MIN_VALUE);
    });
    const best = Math.max(...shares);
    const [i] = left.splice(shares.indexOf(best), 1) as [number];
    yield { i, counts: best > 0 ? judges[i]! : () => true };
    for (const space of groups[i]!.members) known.add(space.id);
  }
}

function sumOfNorms(blocks: readonly Compared[]): number {
  return blocks.reduce((sum, block) => sum + block.norm, 0);
}

/** Does moving a group's units change the scores of the same group? When a block has a space of it on two digits. */
function dependsOnItself({ members, inner }: Group, blocks: readonly Block[]): boolean {
  const within = new Set(inner.map((space) => space.id));
  return blocks.some(({ digits }) => {
    const twice = members.some(({ id }) => digits.filter(({ space }) => space === id).length > 1);
    return twice || digits.filter(({ space }) => space !== undefined && within.has(space)).length > 1;
  });
}
