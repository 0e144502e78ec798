import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Atom,
  type Axis,
  cut,
  factor,
  fix,
  fixedAxis,
  freeAxis,
  isFixed,
  product,
  resolve,
  sizeOfAxis,
  sum,
  unify,
} from "./atoms.ts";

/** An axis for reading; equal atoms have equal letters, fixed ones none. */
function show(...axes: readonly Axis[]): string[] {
  const letters = new Map<object, string>();
  return axes.map((axis) =>
    resolve(axis)
      .map((segment) =>
        (segment.length === 0 ? [{ size: 1, fixed: {} }] : segment)
          .map((atom: Atom) => {
            if (atom.fixed !== undefined) return `${atom.size}`;
            const letter = letters.get(atom) ?? String.fromCharCode(97 + letters.size);
            letters.set(atom, letter);
            return `${letter}${atom.size}`;
          })
          .join("×"),
      )
      .join("+"),
  );
}

describe("axes made equal", () => {
  test("a whole with a product, a whole with a sum", () => {
    const [a, b, c] = [freeAxis(12), freeAxis(3), freeAxis(4)];
    unify(a, product([b, c]), "");
    expect(show(a, b, c)).toEqual(["a3×b4", "a3", "b4"]);
    const [whole, left, right] = [freeAxis(7), freeAxis(3), freeAxis(4)];
    unify(whole, sum([left, right]), "");
    expect(show(whole, left, right)).toEqual(["a3+b4", "a3", "b4"]);
  });

  test("two products refine each other; what fits neither is fixed, for the reason given", () => {
    const [a, b] = [product([freeAxis(4), freeAxis(4)]), product([freeAxis(2), freeAxis(8)])];
    unify(a, b, "");
    expect(show(a, b)).toEqual(["a2×b2×c4", "a2×b2×c4"]);
    const [p, q] = [product([freeAxis(2), freeAxis(3)]), product([freeAxis(3), freeAxis(2)])];
    unify(p, q, "no fit");
    expect(isFixed(p) && isFixed(q)).toBe(true);
    expect(resolve(p)[0]![0]!.fixed).toEqual({ reason: "no fit" });
  });

  test("a boundary through a product splits its outer factor", () => {
    const outer = freeAxis(4);
    const inner = freeAxis(2);
    const [a, b] = [freeAxis(2), freeAxis(6)];
    unify(product([outer, inner]), sum([a, b]), "");
    expect(show(outer, inner, a, b)).toEqual(["1+a3", "b2", "b2", "a3×b2"]);
  });

  test("a boundary through an element fixes the outer factor and splits the inner one", () => {
    const [outer, inner] = [freeAxis(2), freeAxis(3)];
    unify(product([outer, inner]), sum([freeAxis(1), freeAxis(5)]), "");
    expect(show(outer, inner)).toEqual(["2", "1+a2"]);
  });

  test("fixed positions spread, by nature before any reason", () => {
    const [a, b] = [freeAxis(6), freeAxis(6)];
    unify(a, fixedAxis(6, { reason: "because" }), "");
    unify(b, product([fixedAxis(2), freeAxis(3)]), "");
    expect(show(a, b)).toEqual(["6", "2×a3"]);
    expect(resolve(a)[0]![0]!.fixed).toEqual({ reason: "because" });
    fix(a, {});
    expect(resolve(a)[0]![0]!.fixed).toEqual({});
  });
});

describe("axes taken apart", () => {
  test("cut in stretches, factors along sums", () => {
    const a = freeAxis(10);
    expect(show(a, ...cut(a, [3, 0, 7]))).toEqual(["a3+b7", "a3", "", "b7"]);
    const both = sum([freeAxis(4), freeAxis(6)]);
    expect(show(...factor(both, [5, 2], ""), both)).toEqual(["a2+b3", "c2", "a2×c2+b3×c2"]);
  });

  test("equal stretches make the inner factor, for what does not divide otherwise", () => {
    const axis = sum([freeAxis(1), freeAxis(2), freeAxis(3)]);
    expect(show(...factor(axis, [2, 3], ""), axis)).toEqual(["2", "1+a2", "1+a2+1+a2"]);
  });

  test("after a sum, every element of what stands before it is told apart", () => {
    const [a, b] = [freeAxis(2), freeAxis(3)];
    expect(show(product([a, sum([b, freeAxis(1)])]), a, b)).toEqual(["a3+1+a3+1", "2", "a3"]);
  });

  test("an axis far too long to list is fixed as a whole", () => {
    const long = product([fixedAxis(1_000_000), sum([freeAxis(2), freeAxis(3)])]);
    expect(show(long)).toEqual(["1000000×5"]);
  });
});

const axes = fc.letrec<{ axis: Axis }>((tie) => ({
  axis: fc.oneof(
    { maxDepth: 2 },
    fc.integer({ min: 1, max: 6 }).map(freeAxis),
    fc.integer({ min: 1, max: 4 }).map((n) => fixedAxis(n)),
    fc.array(tie("axis"), { minLength: 1, maxLength: 3 }).map(sum),
    fc.array(tie("axis"), { minLength: 1, maxLength: 3 }).map(product),
  ),
})).axis;

test("whatever is done to them, axes keep their sizes and come out equal", () => {
  fc.assert(
    fc.property(axes, axes, (a, b) => {
      const size = sizeOfAxis(a);
      const other = sizeOfAxis(b);
      // Made equally long from both sides, in two orders.
      const [left, right] = [product([a, b]), product([b, a])];
      unify(left, right, "no fit");
      expect(sizeOfAxis(resolve(left))).toBe(size * other);
      const [p, q] = show(left, right);
      // Runs of fixed positions may be written in different factors; free ones stand in the same order.
      expect([...p!.matchAll(/[a-z]+\d+/g)].map(String)).toEqual([...q!.matchAll(/[a-z]+\d+/g)].map(String));
      const [first, second] = factor(left, [size, other], "no fit");
      expect([sizeOfAxis(first!), sizeOfAxis(second!)]).toEqual([size, other]);
      const pieces = cut(left, [
        Math.floor((size * other) / 3),
        size * other - Math.floor((size * other) / 3),
      ]);
      expect(sizeOfAxis(sum(pieces))).toBe(size * other);
    }),
    { numRuns: 300 },
  );
});
