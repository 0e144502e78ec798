import { ScopeError } from "../base/error.ts";

/** The best one-to-one assignment of rows to columns, with its proof of optimality. */
export interface Assignment {
  /** The column of each row, [n]. */
  readonly columns: Int32Array;
  /** Sum of the assigned scores. */
  readonly total: number;
  /** What each row gains, [n], and what each column costs, [n]: u[i] + v[j] ≥ score[i, j] everywhere, equal where assigned. */
  readonly u: Float64Array;
  readonly v: Float64Array;
}

/**
 * The assignment of rows to columns with the largest sum of `scores` [n, n], row-major: a linear assignment problem.
 * Prices of columns start at their largest score; rows bid for columns until few are left without one; each of these is
 * placed along a cheapest augmenting path. The answer is exact. Equal scores are decided by position, so the same scores
 * give the same answer.
 *
 * @param warm prices of a similar problem's columns (`v` of its answer): most rows then find their column at once
 * @throws {ScopeError} shape, when scores are not n × n; data, when a score is not a finite number
 *
 * Source: Jonker and Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
 * problems", Computing 38. Deviation: for a maximum; with prices given, bidding starts from them; where
 * many rows remain, an auction finds rough prices first (`scale`).
 * Cost: O(n³) at worst, close to O(n²) for most matrices.
 */
export function assign(
  scores: Float64Array | Float32Array,
  n: number,
  warm: { readonly v?: Float64Array } = {},
): Assignment {
  if (scores.length !== n * n || (warm.v !== undefined && warm.v.length !== n)) {
    throw new ScopeError(
      "shape",
      `an assignment of ${n} rows needs ${n * n} scores, and ${n} prices if any; got ${scores.length} and ${warm.v?.length ?? "none"}`,
    );
  }
  const columns = new Int32Array(n).fill(-1);
  const rows = new Int32Array(n).fill(-1);
  const v = new Float64Array(n);
  let free: Int32Array;
  if (warm.v === undefined) {
    free = reduceColumns(scores, n, v, columns, rows);
  } else {
    v.set(warm.v);
    free = Int32Array.from({ length: n }, (_, i) => i);
  }
  const range = rangeOf(scores);
  // Jonker and Volgenant found two rounds of bidding to be worth their while.
  const rounds = (): void => {
    for (let round = 0; round < 2 && free.length > 0; round++) free = bid(scores, n, v, columns, rows, free);
  };
  rounds();
  // Paths are long where all rows want the same columns (scores of low rank): then rough prices are worth a new start.
  free = augment(scores, n, v, columns, rows, free, n * n);
  if (free.length > 0) {
    if (range > 0) scale(scores, n, v, warm.v === undefined ? range / 20 : range / 500, range * 1e-5);
    columns.fill(-1);
    rows.fill(-1);
    free = Int32Array.from({ length: n }, (_, i) => i);
    rounds();
    augment(scores, n, v, columns, rows, free, Infinity);
  }
  const u = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const score = scores[i * n + columns[i]!]!;
    u[i] = score - v[columns[i]!]!;
    total += score;
  }
  return { columns, total, u, v };
}

/** Largest less smallest score. @throws {ScopeError} data, when a score is not a finite number */
function rangeOf(scores: Float64Array | Float32Array): number {
  let low = Infinity;
  let high = -Infinity;
  // One sum finds NaN and infinity alike: the difference of either with itself is NaN, and stays so.
  let check = 0;
  for (let k = 0; k < scores.length; k++) {
    const score = scores[k]!;
    check += score - score;
    if (score < low) low = score;
    if (score > high) high = score;
  }
  if (check !== 0) throw new ScopeError("data", "scores to be assigned must be finite numbers");
  return high - low;
}

/**
 * Rough prices by an auction: rows bid until each has a column, raising prices by at least `step`; then anew with a
 * fifth of it, down to `last`. Prices are then within `last` of optimal ones, which is all that is kept.
 *
 * Source: Bertsekas 1988, "The auction algorithm: a distributed relaxation method for the assignment problem", Annals of
 * Operations Research 14. Deviation: an auction that takes long is broken off; prices need not be good.
 */
function scale(
  scores: Float64Array | Float32Array,
  n: number,
  v: Float64Array,
  step: number,
  last: number,
): void {
  const rows = new Int32Array(n);
  const waiting = new Int32Array(n);
  for (let rise = step; rise >= last; rise /= 5) {
    rows.fill(-1);
    for (let i = 0; i < n; i++) waiting[i] = i;
    let top = n;
    for (let bids = 0; top > 0 && bids < 6 * n; bids++) {
      const i = waiting[--top]!;
      const at = i * n;
      let best = -Infinity;
      let second = -Infinity;
      let first = -1;
      for (let j = 0; j < n; j++) {
        const gain = scores[at + j]! - v[j]!;
        if (gain <= second) continue;
        if (gain > best) {
          second = best;
          best = gain;
          first = j;
        } else second = gain;
      }
      v[first]! += best - second + rise;
      const driven = rows[first]!;
      rows[first] = i;
      if (driven >= 0) waiting[top++] = driven;
    }
  }
}

/**
 * Column reduction and reduction transfer: every column costs its largest score, and goes to that row if the row has no
 * other; a row with just one such column then raises that column's price as far as it can. Returns rows without a column.
 */
function reduceColumns(
  scores: Float64Array | Float32Array,
  n: number,
  v: Float64Array,
  columns: Int32Array,
  rows: Int32Array,
): Int32Array {
  const best = new Int32Array(n);
  v.fill(-Infinity);
  for (let i = 0; i < n; i++) {
    const at = i * n;
    for (let j = 0; j < n; j++) {
      const score = scores[at + j]!;
      if (score > v[j]!) {
        v[j] = score;
        best[j] = i;
      }
    }
  }
  const matches = new Int32Array(n);
  for (let j = n - 1; j >= 0; j--) {
    const i = best[j]!;
    if (matches[i]!++ > 0) continue;
    columns[i] = j;
    rows[j] = i;
  }
  const free: number[] = [];
  for (let i = 0; i < n; i++) {
    if (matches[i] === 0) free.push(i);
    if (matches[i] !== 1) continue;
    const own = columns[i]!;
    let second = -Infinity;
    for (let j = 0; j < n; j++) {
      const gain = scores[i * n + j]! - v[j]!;
      if (gain > second && j !== own) second = gain;
    }
    if (second > -Infinity) v[own]! -= second;
  }
  return Int32Array.from(free);
}

/**
 * Augmenting row reduction: each free row takes its best column and raises the price by its lead over the second best;
 * who had the column bids again at once if the price rose, else waits for the next round. Returns rows without a column.
 */
function bid(
  scores: Float64Array | Float32Array,
  n: number,
  v: Float64Array,
  columns: Int32Array,
  rows: Int32Array,
  free: Int32Array,
): Int32Array {
  const queue = free.slice();
  const left: number[] = [];
  // Bidding among nearly equal scores goes on for long in small steps; augmenting paths are the faster way out of it.
  let allowance = 4 * n + free.length;
  let next = 0;
  while (next < queue.length) {
    const i = queue[next++]!;
    const at = i * n;
    let best = -Infinity;
    let second = -Infinity;
    let first = -1;
    let other = -1;
    for (let j = 0; j < n; j++) {
      const gain = scores[at + j]! - v[j]!;
      if (gain <= second) continue;
      if (gain > best) {
        second = best;
        other = first;
        best = gain;
        first = j;
      } else {
        second = gain;
        other = j;
      }
    }
    let j = first;
    let raised = v[j]! + (best - second);
    const rose = n > 1 && raised > v[j]!;
    if (rose) v[j] = raised;
    else if (rows[j]! >= 0 && other >= 0) {
      // A tie: the second best is as good, and may be free.
      raised = v[other]!;
      if (best === second) j = other;
    }
    const driven = rows[j]!;
    columns[i] = j;
    rows[j] = i;
    if (driven < 0) continue;
    columns[driven] = -1;
    if (rose && allowance-- > 0) queue[--next] = driven;
    else left.push(driven);
  }
  return Int32Array.from(left);
}

/**
 * Places each free row along a path of least loss to a free column (Dijkstra's, over columns), and reprices what it met.
 * Stops when it has looked at more than `budget` scores, and returns the rows that are still free.
 */
function augment(
  scores: Float64Array | Float32Array,
  n: number,
  v: Float64Array,
  columns: Int32Array,
  rows: Int32Array,
  free: Int32Array,
  budget: number,
): Int32Array {
  const loss = new Float64Array(n);
  const from = new Int32Array(n);
  // Columns in three parts: [0, low) are settled, [low, high) have the least loss and wait to be looked at, the rest.
  const list = new Int32Array(n);
  let looked = 0;
  for (let placed = 0; placed < free.length; placed++) {
    if (looked > budget) return free.subarray(placed);
    const start = free[placed]!;
    for (let j = 0; j < n; j++) {
      loss[j] = v[j]! - scores[start * n + j]!;
      from[j] = start;
      list[j] = j;
    }
    let low = 0;
    let high = 0;
    let settled = 0;
    let least = 0;
    let end = -1;
    while (end < 0) {
      if (low === high) {
        settled = low;
        least = Infinity;
        for (let k = low; k < n; k++) {
          const j = list[k]!;
          const value = loss[j]!;
          if (value > least) continue;
          if (value < least) {
            high = low;
            least = value;
          }
          list[k] = list[high]!;
          list[high++] = j;
        }
        for (let k = low; k < high && end < 0; k++) if (rows[list[k]!]! < 0) end = list[k]!;
        if (end >= 0) break;
      }
      looked += n - high;
      const via = list[low++]!;
      const i = rows[via]!;
      const at = i * n;
      const base = v[via]! - scores[at + via]! - least;
      for (let k = high; k < n; k++) {
        const j = list[k]!;
        const value = v[j]! - scores[at + j]! - base;
        if (value >= loss[j]!) continue;
        from[j] = i;
        loss[j] = value;
        if (value > least) continue;
        if (rows[j]! < 0) {
          end = j;
          break;
        }
        list[k] = list[high]!;
        list[high++] = j;
      }
    }
    for (let k = 0; k < settled; k++) v[list[k]!]! += least - loss[list[k]!]!;
    for (let j = end; ;) {
      const i = from[j]!;
      const before = columns[i]!;
      rows[j] = i;
      columns[i] = j;
      if (i === start) break;
      j = before;
    }
  }
  return free.subarray(free.length);
}
