import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";
import type { Permutations, Space, Symmetry } from "./types.ts";

/** Number of elements of the space that `space` is nested in, 1 for a plain one. */
export function outerSize(symmetry: Symmetry, space: Space): number {
  return space.within === undefined ? 1 : symmetry.spaces[space.within]!.size;
}

/** Every space in its present order. */
export function identityPermutations(symmetry: Symmetry): Map<number, Int32Array> {
  return new Map(
    symmetry.spaces.map((space) => [
      space.id,
      Int32Array.from({ length: outerSize(symmetry, space) * space.size }, (_, i) => i % space.size),
    ]),
  );
}

/** Every space in an order drawn uniformly. The same seed gives the same orders. */
export function randomPermutations(symmetry: Symmetry, seed: number): Map<number, Int32Array> {
  return new Map(
    symmetry.spaces.map((space) => {
      const random = stream(seed, "shuffle", space.name);
      const order = new Int32Array(outerSize(symmetry, space) * space.size);
      for (let at = 0; at < order.length; at += space.size) order.set(random.permutation(space.size), at);
      return [space.id, order];
    }),
  );
}

/** What undoes `permutations`. Every space is listed. */
export function invert(symmetry: Symmetry, permutations: Permutations): Map<number, Int32Array> {
  const all = complete(symmetry, permutations);
  return new Map(
    symmetry.spaces.map((space) => {
      const order = all.get(space.id)!;
      const outer = space.within === undefined ? undefined : all.get(space.within)!;
      const { size } = space;
      const out = new Int32Array(order.length);
      for (let p = 0; p * size < order.length; p++) {
        const t = outer === undefined ? 0 : outer[p]!;
        for (let s = 0; s < size; s++) out[t * size + order[p * size + s]!] = s;
      }
      return [space.id, out];
    }),
  );
}

/** First `first`, then `second`, as one. Every space is listed. */
export function compose(
  symmetry: Symmetry,
  first: Permutations,
  second: Permutations,
): Map<number, Int32Array> {
  const [a, b] = [complete(symmetry, first), complete(symmetry, second)];
  return new Map(
    symmetry.spaces.map((space) => {
      const [one, two] = [a.get(space.id)!, b.get(space.id)!];
      const outer = space.within === undefined ? undefined : b.get(space.within)!;
      const { size } = space;
      const out = new Int32Array(two.length);
      for (let p = 0; p * size < two.length; p++) {
        const from = outer === undefined ? 0 : outer[p]! * size;
        for (let s = 0; s < size; s++) out[p * size + s] = one[from + two[p * size + s]!]!;
      }
      return [space.id, out];
    }),
  );
}

/**
 * The permutations with every space listed, absent ones in their present order.
 * @throws {ScopeError} shape, naming the space, when an entry is no order of its positions
 */
export function complete(symmetry: Symmetry, permutations: Permutations): Map<number, Int32Array> {
  const all = identityPermutations(symmetry);
  for (const [id, order] of permutations) {
    const space = symmetry.spaces[id];
    const known = all.get(id);
    if (space === undefined || known === undefined)
      throw new ScopeError("usage", `there is no space ${id}, the network has ${symmetry.spaces.length}`);
    if (order.length !== known.length || !isOrder(order, space.size)) {
      throw new ScopeError(
        "shape",
        `the order given for "${space.name}" must list 0 … ${space.size - 1} ${known.length / space.size} times over, each once`,
      );
    }
    all.set(id, order);
  }
  return all;
}

function isOrder(order: Int32Array, size: number): boolean {
  for (let at = 0; at < order.length; at += size) {
    const seen = new Uint8Array(size);
    for (let i = at; i < at + size; i++) {
      const place = order[i]!;
      if (place < 0 || place >= size || seen[place] === 1) return false;
      seen[place] = 1;
    }
  }
  return true;
}
