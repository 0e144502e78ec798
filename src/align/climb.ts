import type { Block } from "./blocks.ts";
import type { Products } from "./products.ts";

/** A block of a tensor with the numbers of both networks. */
export interface Compared extends Block {
  readonly a: Float32Array;
  readonly b: Float32Array;
  /** ‖A‖·‖B‖ of the block: no sum of products of its elements is larger. */
  readonly norm: number;
}

/** Everything a visit to a space may look at. `orders` is replaced entry by entry as moves are accepted. */
export interface Climb {
  readonly products: Products;
  readonly orders: Map<number, Int32Array>;
  /** A gain must be larger than this to count. */
  readonly least: number;
}

/**
 * One space that is visited, or one with all that lie within it: finds its best order and says what was gained. Only
 * blocks that `counts` says yes to are scored; the gain is that of all.
 */
export type Visit = (counts: (block: Compared) => boolean) => Promise<number>;
