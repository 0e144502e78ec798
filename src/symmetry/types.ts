/**
 * A set of positions that may be put in any order without changing what the network computes, as long as every tensor
 * that carries it is put in the same order: the channels of a layer, the heads of an attention block.
 */
export interface Space {
  readonly id: number;
  /** Number of positions, n. */
  readonly size: number;
  /** Named after the parameter that makes it: "stage1.block1.conv1.weight output". Unique. */
  readonly name: string;
  /**
   * The space this one has an order of its own within, for each of its elements: the units inside a head may be ordered
   * differently in every head. Absent: one order.
   */
  readonly within?: number;
}

/** One factor of an axis: a space, or (without) positions that stay where they are. */
export interface Factor {
  readonly size: number;
  readonly space?: number;
}

/**
 * An axis as index arithmetic: segments one after the other (channels joined by Concat), each a row-major product of
 * factors (channel × height × width of a flattened image; head × unit of an attention block).
 */
export type AxisFactors = readonly (readonly Factor[])[];

/** Positions that could have been free for all we know, but could not be proved to be. */
export interface Unproved {
  /** Parameter and axis they were met at first. */
  readonly where: string;
  readonly size: number;
  /** One clause: which node stands in the way, and why. */
  readonly reason: string;
}

/** The permutation symmetries of a network's weights. */
export interface Symmetry {
  readonly spaces: readonly Space[];
  /** Axes of every initializer that carries a space, by its name. */
  readonly tensors: ReadonlyMap<string, readonly AxisFactors[]>;
  /** What is left in place, and why. Axes that are fixed by nature (inputs, outputs, kernel taps) are not listed. */
  readonly unproved: readonly Unproved[];
  /**
   * The inner values of the network that carry each space, by its id, in the order they are computed: one entry for each
   * axis that does. A tensor's axis as in `tensors`.
   */
  readonly values: ReadonlyMap<number, readonly Carried[]>;
}

/** An inner value (an activation) with an axis that carries a space. */
export interface Carried {
  readonly value: string;
  readonly axis: number;
  /** That axis. */
  readonly factors: AxisFactors;
}

/**
 * An order for spaces, by id; those that are absent keep theirs. Of a plain space of size n: n indices, entry i is the old
 * place of what comes to place i. Of a space of size n within one of size m: m·n indices; entries p·n … p·n+n−1 belong
 * to the outer element that comes to place p, and say which of *its* n inner elements come to places 0 … n−1.
 */
export type Permutations = ReadonlyMap<number, Int32Array>;
