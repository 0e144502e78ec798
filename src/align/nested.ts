import type { Permutations, Space } from "../symmetry/types.ts";
import { assign } from "./assign.ts";
import { blockProduct, placesOf } from "./blocks.ts";
import type { Climb, Compared, Visit } from "./climb.ts";

/**
 * Visits to a space of m elements (heads, groups) and the spaces that have an order of their own within each of them. The
 * score of element t of A against t′ of B is the best that inner orders can make of the pair; the best assignment of
 * elements then takes these orders with it.
 *
 * Where one tensor carries two inner spaces (grouped convolutions in a row), the best order of one depends on the
 * other's: they are improved in turns, twice round, which need not find the best pair of orders, but only gains count.
 */
export function visitNested(
  climb: Climb,
  outer: Space,
  inner: readonly Space[],
  blocks: readonly Compared[],
): Visit {
  const m = outer.size;
  const isInner = new Set(inner.map((space) => space.id));
  const carriesInner = (block: Compared): boolean =>
    block.digits.some(({ space }) => space !== undefined && isInner.has(space));
  const hosting = blocks.filter(carriesInner);
  const direct = blocks.filter((block) => !carriesInner(block));
  const rounds = hosting.some(
    ({ digits }) => digits.filter(({ space }) => space !== undefined && isInner.has(space)).length > 1,
  )
    ? 2
    : 1;

  return async (counts) => {
    const total = (): number =>
      blocks.reduce((sum, block) => sum + blockProduct(block, block.a, block.b, climb.orders), 0);
    const before = total();
    const scores = await directScores(counts);
    const now = climb.orders.get(outer.id)!;
    const seen = hosting.filter(counts);
    const found: Map<number, Int32Array>[] = [];
    for (let t = 0; t < m; t++) {
      for (let other = 0; other < m; other++) {
        const pair = await matchPair(seen, t, other, now[t] === other);
        scores[t * m + other]! += pair.score;
        found.push(pair.inner);
      }
    }
    const { columns } = assign(scores, m);
    const kept = [outer, ...inner].map(({ id }) => [id, climb.orders.get(id)!] as const);
    climb.orders.set(outer.id, columns);
    for (const { id, size } of inner) {
      const order = new Int32Array(m * size);
      columns.forEach((other, t) => order.set(found[t * m + other]!.get(id)!, t * size));
      climb.orders.set(id, order);
    }
    const gain = total() - before;
    if (gain > climb.least) return gain;
    for (const [id, order] of kept) climb.orders.set(id, order);
    return 0;
  };

  /** Scores [m, m] of what carries the outer space only. */
  async function directScores(counts: (block: Compared) => boolean): Promise<Float64Array> {
    const scores = new Float32Array(m * m);
    const terms = direct.filter(counts).flatMap((block) =>
      block.digits.flatMap(({ space, stride }, digit) => {
        if (space !== outer.id) return [];
        const places = placesOf(block, new Map([[digit, { from: 0, to: 0 }]]), climb.orders);
        return [{ a: block.a, aStride: stride, b: block.b, bStride: stride, ...places }];
      }),
    );
    await climb.products.add(scores, m, terms);
    return Float64Array.from(scores);
  }

  /** The best inner orders for element t of A against element `other` of B, and their score. */
  async function matchPair(
    seen: readonly Compared[],
    t: number,
    other: number,
    isNow: boolean,
  ): Promise<{ score: number; inner: Map<number, Int32Array> }> {
    // The inner orders at place t are tried out in a copy; `placesOf` looks them up there.
    const trial = new Map<number, Int32Array>(climb.orders);
    for (const { id, size } of inner) {
      const order = climb.orders.get(id)!.slice();
      if (!isNow) for (let x = 0; x < size; x++) order[t * size + x] = x;
      trial.set(id, order);
    }
    const host = { from: t, to: other };
    for (let round = 0; round < rounds; round++) {
      for (const { id, size } of inner) {
        const terms = seen.flatMap((block) =>
          block.digits.flatMap(({ space, stride, outer: at }, digit) => {
            if (space !== id || at === undefined) return [];
            const held = new Map([
              [at, host],
              [digit, { from: 0, to: 0 }],
            ]);
            const places = placesOf(block, held, trial);
            return [{ a: block.a, aStride: stride, b: block.b, bStride: stride, ...places }];
          }),
        );
        const scores = new Float32Array(size * size);
        await climb.products.add(scores, size, terms);
        trial.get(id)!.set(assign(scores, size).columns, t * size);
      }
    }
    return {
      score: seen.reduce((sum, block) => sum + hostedProduct(block, host, trial), 0),
      inner: new Map(inner.map(({ id, size }) => [id, trial.get(id)!.slice(t * size, (t + 1) * size)])),
    };
  }

  /** ⟨A, P(B)⟩ of the parts of a block that belong to a pair of elements. */
  function hostedProduct(block: Compared, host: { from: number; to: number }, orders: Permutations): number {
    return block.digits.reduce(
      (sum, { space }, digit) =>
        space === outer.id
          ? sum + blockProduct(block, block.a, block.b, orders, new Map([[digit, host]]))
          : sum,
      0,
    );
  }
}
