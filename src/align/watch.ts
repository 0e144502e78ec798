import { ScopeError } from "../base/error.ts";
import type { Builder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { coordinates } from "../symmetry/coordinates.ts";
import type { Carried, Space, Symmetry } from "../symmetry/types.ts";

/** A value to be looked at for the units it carries. */
export interface Watched {
  readonly space: Space;
  readonly value: string;
  /** Units: n, or m·n for a space of n within one of m. */
  readonly size: number;
  /** Adds nodes that bring the value to samples × units, [M, size]. */
  build(g: Builder, value: string): string;
}

/** Operators that mix the units they read. */
const linear = new Set([
  "Conv",
  "ConvTranspose",
  "Gemm",
  "MatMul",
  "FusedMatMul",
  "Einsum",
  "FusedConv",
  "FusedGemm",
]);

/**
 * For every space that is matched by its activations, the values to look at, best first: those that carry it and that a
 * linear layer reads, the last first (so after the nonlinearity; of a residual stream, what its last block leaves), or
 * else the last that carries it. Spaces that have others within are known by these.
 * @throws {ScopeError} unsupported, when no value carries a space
 */
export function valuesToWatch(graph: Graph, symmetry: Symmetry): Watched[][] {
  const read = new Set(graph.nodes.filter((node) => linear.has(node.op)).flatMap((node) => node.inputs));
  const hosts = new Set(symmetry.spaces.map((space) => space.within));
  return symmetry.spaces
    .filter((space) => !hosts.has(space.id))
    .map((space) => {
      const carried = (symmetry.values.get(space.id) ?? []).filter(
        (one) => space.within === undefined || hostAxis(symmetry, one, space.within) !== undefined,
      );
      const last = carried.at(-1);
      if (last === undefined) {
        throw new ScopeError(
          "unsupported",
          `no inner value of "${graph.name}" shows the units of "${space.name}"`,
          {
            hint: "match by weights instead",
          },
        );
      }
      const chosen = carried.filter((one) => read.has(one.value)).toReversed();
      return (chosen.length === 0 ? [last] : chosen).map((one) => watch(symmetry, space, one));
    });
}

/** The axis of a value that counts the elements of the outer space: the carrying axis itself, or the one other. */
function hostAxis(symmetry: Symmetry, carried: Carried, outer: number): Carried | undefined {
  const found = (symmetry.values.get(outer) ?? []).filter((one) => one.value === carried.value);
  return found.find((one) => one.axis === carried.axis) ?? found[0];
}

function watch(symmetry: Symmetry, space: Space, carried: Carried): Watched {
  const { size: n, within } = space;
  const own = coordinates(carried.factors, space.id);
  if (within === undefined) {
    return {
      space,
      value: carried.value,
      size: n,
      build: (g, value) => units(g, value, [[carried.axis, own, n]]),
    };
  }
  const m = symmetry.spaces[within]!.size;
  const host = hostAxis(symmetry, carried, within)!;
  const elements = coordinates(host.factors, within);
  if (host.axis !== carried.axis) {
    return {
      space,
      value: carried.value,
      size: m * n,
      build: (g, value) =>
        units(g, value, [
          [host.axis, elements, m],
          [carried.axis, own, n],
        ]),
    };
  }
  const both = own.map((place, i) => (place < 0 || elements[i]! < 0 ? -1 : elements[i]! * n + place));
  return {
    space,
    value: carried.value,
    size: m * n,
    build: (g, value) => units(g, value, [[carried.axis, both, m * n]]),
  };
}

/**
 * Samples × units: the given axes (with the unit each position belongs to, −1 for none, and the number of units) become
 * columns; everything else, and positions beyond the first of a unit, become rows.
 */
function units(g: Builder, value: string, axes: readonly (readonly [number, Int32Array, number])[]): string {
  const rank = g.rank(value);
  const last = axes.map(([axis]) => axis);
  const others = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !last.includes(axis));
  let moved = g.transpose(value, [...others, ...last]);
  // Each axis is gathered into repetitions × units, so that equal units of one sample come together.
  const repeats = axes.map(([, unit, size], k) => {
    const places: number[][] = Array.from({ length: size }, () => []);
    unit.forEach((of, place) => {
      if (of >= 0) places[of]!.push(place);
    });
    const times = places[0]!.length;
    const picks = Array.from({ length: times * size }, (_, i) => places[i % size]![Math.floor(i / size)]!);
    const axis = rank - axes.length + k;
    if (picks.length !== unit.length || picks.some((place, i) => place !== i))
      moved = g.op("Gather", [moved, g.ints(picks)], { axis });
    return times;
  });
  const shape = axes.flatMap(([, , size], k) => [repeats[k]!, size]);
  const columns = axes.reduce((total, [, , size]) => total * size, 1);
  if (repeats.some((times) => times > 1) && axes.length > 1) {
    moved = g.reshape(moved, [-1, ...shape]);
    const at = shape.map((_, i) => i + 1);
    moved = g.transpose(moved, [0, ...at.filter((i) => i % 2 === 1), ...at.filter((i) => i % 2 === 0)]);
  }
  return g.reshape(moved, [-1, columns]);
}
