/**
 * The algebra the analysis of symmetries works in. An axis is a sum (one after the other) of row-major products of atoms;
 * an atom is a set of positions nobody has yet had a reason to tell apart. Operators equate axes; equating 64 with 4 × 16
 * splits the atom of 64 wherever it occurs. What cannot be equated is fixed: fixing is always sound.
 */

/** Why an atom's positions stay in place. Without a reason: by nature (inputs, outputs, kernel taps). */
export interface Fix {
  readonly reason?: string;
}

/** Positions that are permuted together, or (fixed) stay. Identity matters, not contents; `rootOf` tells equal ones. */
export interface Atom {
  readonly size: number;
  /** The atom this one was found to be equal to. */
  same?: Atom;
  /** What this atom was found to consist of. */
  parts?: Axis;
  fixed?: Fix;
}

/** Segments one after the other, each a row-major product. An empty product is one position. */
export type Axis = readonly (readonly Atom[])[];

/** Axes of a value, outermost first. */
export type Axes = readonly Axis[];

/** Beyond this many segments an axis is fixed as a whole: no network we know comes near, and memory stays small. */
const mostSegments = 4096;

const cutReason = "an axis that it is joined with is cut apart further on";

/** A new axis of `n` positions that are free as far as is known. */
export function freeAxis(n: number): Axis {
  return n === 1 ? [[]] : [[{ size: n }]];
}

/** A new axis of `n` positions that stay in place. */
export function fixedAxis(n: number, fix: Fix = {}): Axis {
  return n === 1 ? [[]] : [[still(n, fix)]];
}

function still(size: number, fix: Fix): Atom {
  return { size, fixed: fix };
}

/** The atom that stands for all that were found equal to this one. */
export function rootOf(atom: Atom): Atom {
  let root = atom;
  while (root.same !== undefined) root = root.same;
  return root;
}

function sizeOfProduct(product: readonly Atom[]): number {
  return product.reduce((size, atom) => size * atom.size, 1);
}

/** Number of positions. */
export function sizeOfAxis(axis: Axis): number {
  return axis.reduce((size, product) => size + sizeOfProduct(product), 0);
}

/** The axis in atoms that stand for themselves: no equal ones, no split ones, none of one position. */
export function resolve(axis: Axis): Atom[][] {
  return axis.flatMap((product) => multiply(product.map(expand)));
}

function expand(atom: Atom): Atom[][] {
  const root = rootOf(atom);
  if (root.size === 1) return [[]];
  return root.parts === undefined ? [[root]] : resolve(root.parts);
}

/**
 * Row-major product of resolved axes. (A ⊕ B) × C is A × C ⊕ B × C; for C × (A ⊕ B) every element of C is followed by its
 * own A and B, so C has to be enumerated, and is fixed.
 */
function multiply(factors: readonly (readonly (readonly Atom[])[])[]): Atom[][] {
  let segments: Atom[][] = [[]];
  for (const factor of factors) {
    if (factor.length === 1) {
      segments = segments.map((segment) => [...segment, ...factor[0]!]);
      continue;
    }
    const copies = segments.reduce((count, segment) => count + sizeOfProduct(segment), 0) * factor.length;
    if (copies > mostSegments) {
      fix(factor, { reason: cutReason });
      segments = segments.map((segment) => [...segment, still(sizeOfAxis(factor), { reason: cutReason })]);
      continue;
    }
    segments = segments.flatMap((segment) => {
      fix([segment], { reason: cutReason });
      return Array.from({ length: sizeOfProduct(segment) }, () => factor.map((one) => [...one])).flat();
    });
  }
  return segments;
}

/** Several axes read as one, row-major. */
export function product(axes: readonly Axis[]): Axis {
  return multiply(axes.map(resolve));
}

/** Several axes one after the other. */
export function sum(axes: readonly Axis[]): Axis {
  return axes.flat();
}

/** Keeps all positions of an axis in place. What is fixed by nature and for a reason is fixed by nature. */
export function fix(axis: Axis, why: Fix): void {
  for (const atom of resolve(axis).flat()) {
    if (atom.fixed === undefined || why.reason === undefined) atom.fixed = why;
  }
}

/** Whether all positions of the axis stay in place. */
export function isFixed(axis: Axis): boolean {
  return resolve(axis).every((segment) => segment.every((atom) => atom.fixed !== undefined));
}

function equate(a: Atom, b: Atom): void {
  const fixes = [a.fixed, b.fixed].filter((one) => one !== undefined);
  b.same = a;
  const kept = fixes.find((one) => one.reason === undefined) ?? fixes[0];
  if (kept !== undefined) a.fixed = kept;
}

function split(atom: Atom, parts: Axis): void {
  const { fixed } = atom;
  if (fixed !== undefined) for (const part of parts.flat()) part.fixed = fixed;
  atom.parts = parts;
}

/** n positions as n/inner × inner. */
function splitProduct(atom: Atom, inner: number): void {
  split(atom, [[{ size: atom.size / inner }, { size: inner }]]);
}

/** n positions as the first `count`, then the others. */
function splitSum(atom: Atom, count: number): void {
  split(atom, [[{ size: count }], [{ size: atom.size - count }]]);
}

type Step = "same" | "moved";

/**
 * Makes two axes of equal size equal, splitting and joining atoms as far as needed. Where their factors do not fit
 * each other, both are fixed there, for `reason`.
 */
export function unify(a: Axis, b: Axis, reason: string): void {
  // Each step splits, joins or fixes an atom, so there are at most a few for every position.
  while (compare(resolve(a), resolve(b), reason) === "moved");
}

function compare(a: Atom[][], b: Atom[][], reason: string): Step {
  const left = a.toReversed();
  const right = b.toReversed();
  for (;;) {
    const p = left.pop();
    const q = right.pop();
    if (p === undefined || q === undefined) return "same";
    const [n, m] = [sizeOfProduct(p), sizeOfProduct(q)];
    if (n === m) {
      if (compareProducts(p, q, reason) === "moved") return "moved";
      continue;
    }
    const pieces = n > m ? cutSegment(p, m) : cutSegment(q, n);
    if (pieces === undefined) return "moved";
    if (n > m) {
      left.push(...pieces.toReversed());
      right.push(q);
    } else {
      right.push(...pieces.toReversed());
      left.push(p);
    }
  }
}

/**
 * A product as shorter segments, on the way to a boundary after `count` positions. undefined when an atom had to be
 * split or fixed first: the axis then has to be resolved anew.
 */
function cutSegment(segment: readonly Atom[], count: number): Atom[][] | undefined {
  const [lead, ...rest] = segment;
  const total = sizeOfProduct(segment);
  const why = segment.find((atom) => atom.fixed?.reason !== undefined)?.fixed ?? {};
  if (segment.every((atom) => atom.fixed !== undefined))
    return [[still(count, why)], [still(total - count, why)]];
  const inner = sizeOfProduct(rest);
  if (lead!.fixed !== undefined) {
    if (lead!.size <= mostSegments) return Array.from({ length: lead!.size }, () => [...rest]);
    fix([rest], { reason: cutReason });
  } else if (count % inner === 0) splitSum(lead!, count / inner);
  else fix([[lead!]], { reason: cutReason });
  return undefined;
}

/** Neighbouring fixed atoms as one, which is how they compare. */
function mergeFixed(segment: readonly Atom[]): Atom[] {
  const merged: Atom[] = [];
  for (const atom of segment) {
    const last = merged.at(-1);
    if (last?.fixed !== undefined && atom.fixed !== undefined) {
      const why = last.fixed.reason === undefined ? atom.fixed : last.fixed;
      merged[merged.length - 1] = still(last.size * atom.size, why);
    } else merged.push(atom);
  }
  return merged;
}

function compareProducts(a: readonly Atom[], b: readonly Atom[], reason: string): Step {
  const left = mergeFixed(a);
  const right = mergeFixed(b);
  for (;;) {
    const p = left.pop();
    const q = right.pop();
    if (p === undefined || q === undefined) return "same";
    if (p === q) continue;
    const [large, small, rest] = p.size >= q.size ? [p, q, left] : [q, p, right];
    if (large.size === small.size) {
      if (large.fixed !== undefined && small.fixed !== undefined) continue;
      equate(large, small);
      return "moved";
    }
    const ratio = large.size / small.size;
    if (!Number.isInteger(ratio)) {
      fix([a, b], { reason });
      return "moved";
    }
    if (large.fixed === undefined) {
      splitProduct(large, small.size);
      return "moved";
    }
    if (small.fixed === undefined) {
      small.fixed = large.fixed;
      return "moved";
    }
    rest.push(still(ratio, large.fixed));
  }
}

/** An axis cut into stretches of the given sizes, which add up to its own. */
export function cut(axis: Axis, sizes: readonly number[]): Axis[] {
  for (;;) {
    const found = tryCut(resolve(axis), sizes);
    if (found !== undefined) return found;
  }
}

function tryCut(segments: Atom[][], sizes: readonly number[]): Axis[] | undefined {
  const queue = segments.toReversed();
  const out: Axis[] = [];
  for (const size of sizes) {
    const stretch: Atom[][] = [];
    for (let open = size; open > 0;) {
      const segment = queue.pop()!;
      const count = sizeOfProduct(segment);
      if (count <= open) {
        stretch.push(segment);
        open -= count;
        continue;
      }
      const pieces = cutSegment(segment, open);
      if (pieces === undefined) return undefined;
      queue.push(...pieces.toReversed());
    }
    out.push(stretch);
  }
  return out;
}

/**
 * An axis read as the row-major product of axes of the given sizes. Where that does not follow from its structure, the
 * axis is fixed, for `reason`.
 */
export function factor(axis: Axis, sizes: readonly number[], reason: string): Axis[] {
  const out: Axis[] = [];
  let left = axis;
  for (const size of sizes.slice(1).toReversed()) {
    const [outer, inner] = divide(left, size, reason);
    left = outer;
    out.unshift(inner);
  }
  out.unshift(left);
  return out;
}

/** An axis as outer × inner, the inner of `size` positions. */
function divide(axis: Axis, size: number, reason: string): [Axis, Axis] {
  if (size === 1) return [axis, [[]]];
  const total = sizeOfAxis(axis);
  if (size === total) return [[[]], axis];
  const segments = resolve(axis);
  if (segments.every((segment) => isDivisible(segment, size))) {
    const outer: Atom[][] = [];
    let inner: Axis | undefined;
    for (const segment of segments) {
      // An earlier segment may have split atoms of this one.
      const now = resolve([segment]);
      if (now.length !== 1 || !isDivisible(now[0]!, size)) return fixedParts(axis, size, reason);
      const [high, low] = divideSegment(now[0]!, size);
      outer.push(high);
      if (inner === undefined) inner = [low];
      else unify(inner, [low], reason);
    }
    return [outer, inner!];
  }
  // The stretches, one for each element of the outer axis, have to be equal.
  const count = total / size;
  if (segments.length > 1 && count <= mostSegments) {
    const [first, ...others] = cut(
      axis,
      Array.from({ length: count }, () => size),
    );
    for (const other of others) unify(first!, other, reason);
    return [fixedAxis(count), first!];
  }
  return fixedParts(axis, size, reason);
}

function fixedParts(axis: Axis, size: number, reason: string): [Axis, Axis] {
  fix(axis, { reason });
  return [fixedAxis(sizeOfAxis(axis) / size, { reason }), fixedAxis(size, { reason })];
}

function isDivisible(segment: readonly Atom[], size: number): boolean {
  let open = size;
  for (const atom of segment.toReversed()) {
    if (open % atom.size === 0) open /= atom.size;
    else return atom.size % open === 0;
    if (open === 1) return true;
  }
  return open === 1;
}

function divideSegment(segment: readonly Atom[], size: number): [Atom[], Atom[]] {
  const outer = [...segment];
  const inner: Atom[] = [];
  for (let open = size; open > 1;) {
    const atom = outer.pop()!;
    if (open % atom.size === 0) {
      inner.unshift(atom);
      open /= atom.size;
      continue;
    }
    splitProduct(atom, open);
    const [high, low] = atom.parts![0]!;
    outer.push(high!);
    inner.unshift(low!);
    open = 1;
  }
  return [outer, inner];
}
