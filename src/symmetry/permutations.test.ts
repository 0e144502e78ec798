import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { transformer } from "../../test/kit/graphs.ts";
import { weightsOf } from "../../test/kit/symmetry.ts";
import { ScopeError } from "../base/error.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { symmetrySize } from "./describe.ts";
import { carriers, spaceMatrix } from "./matrix.ts";
import { compose, identityPermutations, invert, randomPermutations } from "./permutations.ts";
import { permute } from "./permute.ts";
import { symmetries } from "./symmetries.ts";
import type { AxisFactors, Space, Symmetry } from "./types.ts";

function made(
  spaces: readonly Omit<Space, "name">[],
  tensors: Readonly<Record<string, readonly AxisFactors[]>>,
): Symmetry {
  return {
    spaces: spaces.map((space) => ({ ...space, name: `space ${space.id}` })),
    tensors: new Map(Object.entries(tensors)),
    unproved: [],
    values: new Map(),
  };
}

function counting(shape: readonly number[]): Tensor {
  const length = shape.reduce((size, one) => size * one, 1);
  return float32(
    shape,
    Float32Array.from({ length }, (_, i) => i),
  );
}

const head = { size: 2, space: 0 };
const unit = { size: 3, space: 1 };

/** Heads of units: together on one axis, on two axes in either order, and beside a plain space. */
const nested = made(
  [
    { id: 0, size: 2 },
    { id: 1, size: 3, within: 0 },
    { id: 2, size: 4 },
  ],
  {
    joined: [[[{ size: 4, space: 2 }]], [[head, unit], [{ size: 1 }]]],
    apart: [[[head]], [[unit]], [[{ size: 2 }]]],
    turned: [[[unit]], [[{ size: 2 }]], [[head]]],
    twice: [[[head, unit]], [[head, unit]]],
  },
);
const weights = new Map<string, Tensor>([
  ["joined", counting([4, 7])],
  ["apart", counting([2, 3, 2])],
  ["turned", counting([3, 2, 2])],
  ["twice", counting([6, 6])],
  ["other", counting([5])],
]);

describe("permute", () => {
  test("entry i of an order is the old place of what comes to place i", () => {
    const symmetry = made([{ id: 0, size: 3 }], { w: [[[{ size: 3, space: 0 }]], [[{ size: 2 }]]] });
    const result = permute(
      symmetry,
      new Map([[0, Int32Array.of(2, 0, 1)]]),
      new Map([["w", counting([3, 2])]]),
    );
    expect([...result.get("w")!.data]).toEqual([4, 5, 0, 1, 2, 3]);
  });

  test("units move with their head, and anew inside each", () => {
    const order = new Map([
      [0, Int32Array.of(1, 0)],
      // In place 0 comes old head 1, its units turned once; in place 1 old head 0, its first two exchanged.
      [1, Int32Array.of(1, 2, 0, 1, 0, 2)],
    ]);
    const result = permute(nested, order, weights);
    expect([...result.get("joined")!.data.subarray(0, 7)]).toEqual([4, 5, 3, 1, 0, 2, 6]);
    expect([...result.get("apart")!.data]).toEqual([8, 9, 10, 11, 6, 7, 2, 3, 0, 1, 4, 5]);
    // [unit, pixel, head]: old index is unit·4 + pixel·2 + head.
    expect([...result.get("turned")!.data]).toEqual([5, 4, 7, 6, 9, 0, 11, 2, 1, 8, 3, 10]);
    expect([...result.get("twice")!.data.subarray(0, 6)]).toEqual([28, 29, 27, 25, 24, 26]);
    expect(result.get("other")).toBe(weights.get("other"));
  });

  test("segments move alike, products by their factor", () => {
    const symmetry = made([{ id: 0, size: 2 }], {
      w: [[[{ size: 1 }], [{ size: 2, space: 0 }, { size: 2 }], [{ size: 3 }, { size: 2, space: 0 }]]],
    });
    const result = permute(symmetry, new Map([[0, Int32Array.of(1, 0)]]), new Map([["w", counting([11])]]));
    expect([...result.get("w")!.data]).toEqual([0, 3, 4, 1, 2, 6, 5, 8, 7, 10, 9]);
  });

  test("what does not fit is said", () => {
    const wrong = (order: Int32Array, tensor = counting([4, 7])): (() => unknown) => {
      return () => permute(nested, new Map([[2, order]]), new Map([["joined", tensor]]));
    };
    const order = Int32Array.of(3, 2, 1, 0);
    expect(wrong(order)).not.toThrow();
    expect(wrong(Int32Array.of(3, 2, 1, 1))).toThrow(
      new ScopeError("shape", 'the order given for "space 2" must list 0 … 3 1 times over, each once'),
    );
    expect(wrong(order.subarray(0, 3))).toThrow(/must list 0 … 3/);
    expect(wrong(order, counting([7, 4]))).toThrow(
      '"joined" must be float32 [4, 7] to be permuted, got float32 [7, 4]',
    );
    expect(() => permute(nested, new Map([[7, order]]), weights)).toThrow(
      "there is no space 7, the network has 3",
    );
  });
});

describe("laws", () => {
  const network = symmetries(transformer());
  const seeds = fc.integer({ min: 0, max: 1e6 });
  const all: readonly (readonly [Symmetry, ReadonlyMap<string, Tensor>])[] = [
    [nested, weights],
    [network, weightsOf(transformer(), network)],
  ];

  test.each(all)("the inverse undoes, the identity does nothing", (symmetry, tensors) => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const order = randomPermutations(symmetry, seed);
        const there = permute(symmetry, order, tensors);
        expect(permute(symmetry, invert(symmetry, order), there)).toEqual(tensors);
        expect(permute(symmetry, identityPermutations(symmetry), there)).toEqual(there);
        expect(compose(symmetry, order, invert(symmetry, order))).toEqual(identityPermutations(symmetry));
        expect(invert(symmetry, invert(symmetry, order))).toEqual(order);
      }),
      { numRuns: 20 },
    );
  });

  test.each(all)("one after the other is their composition, which is associative", (symmetry, tensors) => {
    fc.assert(
      fc.property(seeds, seeds, seeds, (a, b, c) => {
        const [p, q, r] = [a, b, c].map((seed) => randomPermutations(symmetry, seed)) as [
          Map<number, Int32Array>,
          Map<number, Int32Array>,
          Map<number, Int32Array>,
        ];
        const both = permute(symmetry, compose(symmetry, p, q), tensors);
        expect(permute(symmetry, q, permute(symmetry, p, tensors))).toEqual(both);
        const left = compose(symmetry, compose(symmetry, p, q), r);
        expect(compose(symmetry, p, compose(symmetry, q, r))).toEqual(left);
      }),
      { numRuns: 20 },
    );
  });

  test("a space that is not given keeps its order, also inside one that moves", () => {
    const order = new Map([[0, Int32Array.of(1, 0)]]);
    const whole = new Map([...identityPermutations(nested), ...order]);
    expect(permute(nested, order, weights)).toEqual(permute(nested, whole, weights));
    expect(invert(nested, order)).toEqual(whole);
  });

  test("the same seed gives the same orders, another seed others", () => {
    expect(randomPermutations(network, 3)).toEqual(randomPermutations(network, 3));
    expect(randomPermutations(network, 3)).not.toEqual(randomPermutations(network, 4));
  });
});

describe("a tensor seen from a space", () => {
  test("rows are elements, whatever axis they stand on", () => {
    const plain = made([{ id: 0, size: 2 }], {
      w: [[[{ size: 3 }]], [[{ size: 2, space: 0 }], [{ size: 1 }], [{ size: 2, space: 0 }]]],
    });
    expect([...spaceMatrix(plain, 0, "w", 1, counting([3, 5]))]).toEqual([
      0, 5, 10, 3, 8, 13, 1, 6, 11, 4, 9, 14,
    ]);
    expect([...spaceMatrix(nested, 0, "joined", 1, counting([4, 7])).subarray(0, 6)]).toEqual([
      0, 7, 14, 21, 1, 8,
    ]);
  });

  test("a nested space has a table for every outer element, wherever that stands", () => {
    expect([...spaceMatrix(nested, 1, "apart", 1, counting([2, 3, 2]))]).toEqual([...counting([12]).data]);
    expect([...spaceMatrix(nested, 1, "turned", 0, counting([3, 2, 2]))]).toEqual([
      0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11,
    ]);
    expect([...spaceMatrix(nested, 1, "joined", 1, counting([4, 7])).subarray(0, 8)]).toEqual([
      0, 7, 14, 21, 1, 8, 15, 22,
    ]);
    expect(carriers(nested, 1)).toEqual([
      { tensor: "joined", axis: 1 },
      { tensor: "apart", axis: 1 },
      { tensor: "turned", axis: 0 },
      { tensor: "twice", axis: 0 },
      { tensor: "twice", axis: 1 },
    ]);
    expect(() => spaceMatrix(nested, 2, "apart", 1, counting([2, 3, 2]))).toThrow(
      'axis 1 of "apart" does not carry space 2',
    );
  });

  test("permuting a plain space puts its rows in that order", () => {
    const network = symmetries(transformer());
    const tensors = weightsOf(transformer(), network);
    const space = network.spaces.find((one) => one.within === undefined && one.size === 8)!;
    const order = randomPermutations(network, 5).get(space.id)!;
    const after = permute(network, new Map([[space.id, order]]), tensors);
    for (const { tensor, axis } of carriers(network, space.id)) {
      const before = spaceMatrix(network, space.id, tensor, axis, tensors.get(tensor)!);
      const rest = before.length / space.size;
      const rows = spaceMatrix(network, space.id, tensor, axis, after.get(tensor)!);
      order.forEach((old, row) =>
        expect(rows.subarray(row * rest, (row + 1) * rest)).toEqual(
          before.subarray(old * rest, (old + 1) * rest),
        ),
      );
    }
  });
});

test("a nested space counts in every outer element", () => {
  // 2! · (3!)² · 4! = 1,728
  expect(symmetrySize(nested)).toEqual({ spaces: 3, positions: 2 + 6 + 4, log10: expect.closeTo(3.2375, 4) });
});
