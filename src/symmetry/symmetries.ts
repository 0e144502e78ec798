import type { Graph } from "../graph/graph.ts";
import { type Atom, resolve } from "./atoms.ts";
import { nest } from "./nest.ts";
import { nameSpaces } from "./names.ts";
import type { AxisFactors, Carried, Factor, Space, Symmetry, Unproved } from "./types.ts";
import { type Walk, walk } from "./walk.ts";

/**
 * The permutation symmetries of a network, derived from its graph alone: which axes of which initializers may be put in
 * another order together without changing what the network computes.
 *
 * Every axis of every value is taken for a sum of products of sets of positions; the nodes are read in order, and each
 * operator's rule (src/symmetry/axes) says which of them must be one, or must stay in place. What no rule objects to is
 * free. Sets inside others (units in heads) are then given an order of their own in each element where that is safe.
 *
 * Initializers that count as parameters are those of `modules(graph, "layer")`: `.parameters` and `.statistics`.
 *
 * Source: the group is the one of Ainsworth et al. 2022, arXiv:2209.04836, section 2, where it was written down by hand for each
 * architecture.
 * Deviation: any graph; spaces that are equal in parts (zero-padded shortcuts, concatenation), products and nested orders.
 *
 * @param keep outputs whose elements must keep their places: unless told, the first and all others that end there. An
 *   output that the network itself goes on from (features shown beside the logits) is an inner value made visible; it is
 *   permuted like any other.
 * @throws {ScopeError} shape or format, when the graph contradicts itself
 */
export function symmetries(graph: Graph, keep: readonly string[] = finalOutputs(graph)): Symmetry {
  const found = walk(graph, new Set(keep));
  const atoms = freeAtoms(found);
  const ids = new Map(atoms.map((atom, id) => [atom, id]));
  const nested = nest(found);
  const names = nameSpaces(graph, found, atoms);
  const spaces = atoms.map((atom, id): Space => {
    const outer = nested.get(atom);
    const space = { id, size: atom.size, name: names[id]! };
    return outer === undefined ? space : { ...space, within: ids.get(outer)! };
  });
  const tensors = new Map<string, readonly AxisFactors[]>();
  for (const name of found.parameters) {
    const axes = (found.axes.get(name) ?? []).map((axis) => factorsOf(resolve(axis), ids));
    if (axes.some(carries)) tensors.set(name, axes);
  }
  return { spaces, tensors, unproved: unprovedOf(found), values: carriedValues(graph, found, ids) };
}

function finalOutputs(graph: Graph): string[] {
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  return graph.outputs.flatMap(({ name }, i) => (i === 0 || !read.has(name) ? [name] : []));
}

/** Atoms of the parameters that nothing fixed, in order of first use. */
function freeAtoms(found: Walk): Atom[] {
  const atoms = new Set<Atom>();
  for (const name of found.parameters) {
    for (const axis of found.axes.get(name) ?? []) {
      for (const atom of resolve(axis).flat()) if (atom.fixed === undefined) atoms.add(atom);
    }
  }
  return [...atoms];
}

/** An axis in spaces; neighbouring positions that stay are one factor, neighbouring segments of such one segment. */
function factorsOf(axis: readonly (readonly Atom[])[], ids: ReadonlyMap<Atom, number>): AxisFactors {
  const out: Factor[][] = [];
  for (const segment of axis) {
    const factors: Factor[] = [];
    for (const atom of segment) {
      const space = ids.get(atom);
      const last = factors.at(-1);
      if (space !== undefined) factors.push({ size: atom.size, space });
      else if (last !== undefined && last.space === undefined)
        factors[factors.length - 1] = { size: last.size * atom.size };
      else factors.push({ size: atom.size });
    }
    const before = out.at(-1);
    if (before !== undefined && isStill(before) && isStill(factors))
      out[out.length - 1] = [{ size: sizeOf(before) + sizeOf(factors) }];
    else out.push(factors);
  }
  return out;
}

function isStill(factors: readonly Factor[]): boolean {
  return factors.every((factor) => factor.space === undefined);
}

function sizeOf(factors: readonly Factor[]): number {
  return factors.reduce((size, factor) => size * factor.size, 1);
}

function carries(axis: AxisFactors): boolean {
  return axis.some((factors) => !isStill(factors));
}

function unprovedOf(found: Walk): Unproved[] {
  const listed = new Map<Atom, Unproved>();
  for (const name of found.parameters) {
    for (const [k, axis] of (found.axes.get(name) ?? []).entries()) {
      for (const atom of resolve(axis).flat()) {
        const reason = atom.fixed?.reason;
        if (reason !== undefined && !listed.has(atom))
          listed.set(atom, { where: `${name} axis ${k}`, size: atom.size, reason });
      }
    }
  }
  return [...listed.values()];
}

function carriedValues(
  graph: Graph,
  found: Walk,
  ids: ReadonlyMap<Atom, number>,
): Map<number, readonly Carried[]> {
  const values = new Map<number, Carried[]>([...ids.values()].map((id) => [id, []]));
  const isData = found.data;
  for (const value of graph.nodes.flatMap((node) => node.outputs)) {
    if (!isData.has(value)) continue;
    for (const [axis, one] of (found.axes.get(value) ?? []).entries()) {
      const factors = factorsOf(resolve(one), ids);
      const carried = new Set(factors.flat().flatMap((factor) => factor.space ?? []));
      for (const space of carried) values.get(space)!.push({ value, axis, factors });
    }
  }
  return values;
}
