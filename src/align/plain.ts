import type { Permutations, Space } from "../symmetry/types.ts";
import { assign } from "./assign.ts";
import { blockProduct, type Places, placesOf } from "./blocks.ts";
import type { Term } from "./products.ts";
import type { Climb, Compared, Visit } from "./climb.ts";

/** A digit that counts the positions of the space, in one block. */
interface Occurrence {
  readonly block: Compared;
  readonly digit: number;
  /** Whether it is the only one of its block. */
  readonly alone: boolean;
  /** Columns when the scores were last brought up to date. */
  places: Places | undefined;
}

/**
 * Visits to a space with none within it. Its scores [n, n] (unit of A against unit of B as it came) are kept from visit
 * to visit, with the prices of the last assignment: columns that other spaces have not moved since cost nothing again.
 */
export function visitPlain(climb: Climb, space: Space, blocks: readonly Compared[]): Visit {
  const n = space.size;
  const occurrences: Occurrence[] = blocks.flatMap((block) => {
    const digits = block.digits.flatMap((digit, i) => (digit.space === space.id ? [i] : []));
    return digits.map((digit) => ({ block, digit, alone: digits.length === 1, places: undefined }));
  });
  const allAlone = occurrences.every((one) => one.alone);
  const size = blocks.reduce((sum, block) => sum + block.norm, 0);
  let scores: Float32Array | undefined;
  let v: Float64Array | undefined;
  return async (counts) => {
    scores ??= new Float32Array(n * n);
    await climb.products.add(
      scores,
      n,
      occurrences
        .filter((one) => counts(one.block))
        .map((one) => update(one))
        .filter((term) => term.from.length > 0),
    );
    const complete = occurrences.every((one) => one.places !== undefined);
    const now = climb.orders.get(space.id)!;
    const best = assign(scores, n, v === undefined ? {} : { v });
    v = best.v;
    const next = best.columns;
    if (next.every((from, place) => from === now[place])) return 0;
    // The scores are rounded to single precision: a gain that is not far above that is looked at in double.
    let gain = 0;
    for (let r = 0; r < n; r++) gain += scores[r * n + next[r]!]! - scores[r * n + now[r]!]!;
    if (allAlone && complete && gain > 1e-5 * size) {
      climb.orders.set(space.id, next);
      return gain;
    }
    gain = 0;
    for (const one of occurrences) if (one.alone) gain += gainOf(one, climb.orders, now, next);
    const twice = new Set(occurrences.filter((one) => !one.alone).map((one) => one.block));
    for (const block of twice) gain -= blockProduct(block, block.a, block.b, climb.orders);
    climb.orders.set(space.id, next);
    for (const block of twice) gain += blockProduct(block, block.a, block.b, climb.orders);
    if (gain > climb.least) return gain;
    climb.orders.set(space.id, now);
    return 0;
  };

  /** The columns that moved since the last visit, or all at the first. */
  function update(one: Occurrence): Term {
    const { block, digit } = one;
    const { stride } = block.digits[digit]!;
    const before = one.places;
    const places = columnsOf(block, digit, climb.orders);
    one.places = places;
    const sides = { a: block.a, aStride: stride, b: block.b, bStride: stride };
    if (before === undefined) return { ...sides, ...places };
    const { from, to } = places;
    let count = 0;
    for (let c = 0; c < to.length; c++) if (to[c] !== before.to[c]) count++;
    const term = {
      ...sides,
      from: new Int32Array(count),
      to: new Int32Array(count),
      less: new Int32Array(count),
    };
    for (let c = 0, k = 0; c < to.length; c++) {
      if (to[c] === before.to[c]) continue;
      term.from[k] = from[c]!;
      term.to[k] = to[c]!;
      term.less[k++] = before.to[c]!;
    }
    return term;
  }
}

/** The places of all that has the digit at 0. */
function columnsOf(block: Compared, digit: number, orders: Permutations): Places {
  return placesOf(block, new Map([[digit, { from: 0, to: 0 }]]), orders);
}

/** What a block's part of the objective gains by another order of its rows, in double precision. */
function gainOf(
  { block, digit, places }: Occurrence,
  orders: Permutations,
  now: Int32Array,
  next: Int32Array,
): number {
  const { a, b } = block;
  const { stride } = block.digits[digit]!;
  const { from, to } = places ?? columnsOf(block, digit, orders);
  let gain = 0;
  for (let r = 0; r < now.length; r++) {
    if (now[r] === next[r]) continue;
    const atA = r * stride;
    const atNext = next[r]! * stride;
    const atNow = now[r]! * stride;
    let sum = 0;
    for (let c = 0; c < from.length; c++)
      sum += a[atA + from[c]!]! * (b[atNext + to[c]!]! - b[atNow + to[c]!]!);
    gain += sum;
  }
  return gain;
}
