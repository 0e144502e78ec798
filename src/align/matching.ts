import type { Permutations, Symmetry } from "../symmetry/types.ts";

/** How one network's units were put in the order of another's. */
export interface Matching {
  /** What to put B in: `permute(symmetry, permutations, b)` is B in A's order. One entry for every space. */
  readonly permutations: Permutations;
  /**
   * What was maximised, after every accepted move. Matching weights: Σ⟨A, P(B)⟩. Matching activations: the summed score of
   * all spaces. Straight-through: minus the mean loss half-way, at every new best.
   */
  readonly objective: readonly number[];
  /** The same before any move. */
  readonly start: number;
  /** Times round all spaces. */
  readonly sweeps: number;
  /** For every space, how many of its positions hold another unit than before. */
  readonly moved: readonly { readonly space: number; readonly positions: number }[];
}

/** Number of positions of each space that an order changes. */
export function countMoved(symmetry: Symmetry, orders: Permutations): Matching["moved"] {
  return symmetry.spaces.map(({ id, size }) => {
    let positions = 0;
    orders.get(id)?.forEach((from, place) => {
      if (from !== place % size) positions++;
    });
    return { space: id, positions };
  });
}
