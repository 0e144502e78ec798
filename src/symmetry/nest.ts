import { type Atom, type Axis, resolve } from "./atoms.ts";
import type { Axes } from "./axes/rule.ts";
import type { Walk } from "./walk.ts";

/** What says which element of the outer space an inner one belongs to: its own axis, or another of the operand. */
type Governor = "own" | Axis;

/**
 * Spaces that may be ordered anew inside every element of another: atom → its outer atom. S may have its own order inside
 * each element of T when
 *
 * - every parameter and every inner value that carries S carries T with it, in the same product or along one other axis;
 * - operators that read an index of S with one index in several operands read T with one index in them, too;
 * - elements that differ in T meet (in a sum, a softmax, a normalisation) only where those that differ in S meet as well.
 *
 * One level only: an outer space is never nested itself. Where several are possible, the largest group wins.
 */
export function nest(walk: Walk): Map<Atom, Atom> {
  const operands = collect(walk);
  const pairs = candidates(walk, operands);
  const nested = new Map<Atom, Atom>();
  const outer = new Set<Atom>();
  for (const { inner, of } of pairs) {
    if (nested.has(inner) || nested.has(of) || outer.has(inner)) continue;
    if (!isNested(inner, of, walk, operands)) continue;
    nested.set(inner, of);
    outer.add(of);
  }
  return nested;
}

interface Operand {
  readonly axes: Axes;
  readonly resolved: readonly (readonly (readonly Atom[])[])[];
}

/** Values that are permuted, each in one piece or, for stacks, in slices. */
type Operands = ReadonlyMap<string, readonly Operand[]>;

function collect(walk: Walk): Operands {
  const operands = new Map<string, Operand[]>();
  const operand = (axes: Axes): Operand => ({ axes, resolved: axes.map(resolve) });
  for (const [name, axes] of walk.axes) if (!walk.inert.has(name)) operands.set(name, [operand(axes)]);
  for (const [name, stack] of walk.stacks) operands.set(name, stack.slices.map(operand));
  return operands;
}

function atomsOf(pieces: readonly Operand[]): Atom[] {
  return pieces.flatMap((piece) => piece.resolved.flat(2));
}

/** Pairs of free atoms that some parameter carries together, those that would give the largest group first. */
function candidates(walk: Walk, operands: Operands): { inner: Atom; of: Atom }[] {
  const pairs = new Map<Atom, Set<Atom>>();
  for (const name of walk.parameters) {
    const atoms = new Set(atomsOf(operands.get(name) ?? []).filter((atom) => atom.fixed === undefined));
    for (const inner of atoms) {
      // Only what every carrier of the inner space also carries can be its outer space.
      const kept = pairs.get(inner);
      const others = [...atoms].filter((atom) => atom !== inner && (kept?.has(atom) ?? true));
      pairs.set(inner, new Set(others));
    }
  }
  const gain = (inner: Atom, of: Atom): number => (of.size - 1) * logFactorial(inner.size);
  return [...pairs]
    .flatMap(([inner, others]) => [...others].map((of) => ({ inner, of })))
    .toSorted((a, b) => gain(b.inner, b.of) - gain(a.inner, a.of));
}

function logFactorial(n: number): number {
  let total = 0;
  for (let i = 2; i <= n; i++) total += Math.log(i);
  return total;
}

function isNested(inner: Atom, of: Atom, walk: Walk, operands: Operands): boolean {
  for (const pieces of operands.values()) {
    for (const piece of pieces)
      if (governors(inner, of, piece.axes, piece.resolved) === undefined) return false;
  }
  return walk.nodes.every(({ node, relation }) => {
    const names = [...node.inputs, ...node.outputs].filter((name) => operands.has(name));
    const carries = names.some((name) => atomsOf(operands.get(name)!).includes(inner));
    if (!carries || relation === "moves") return true;
    if (relation === "unknown") return false;
    // Joining axes is safe only while it is beyond doubt which element of T each of S belongs to.
    if (relation === "regroups") {
      return names.every((name) =>
        operands
          .get(name)!
          .every((piece) => most(piece.resolved, of) <= 1 && most(piece.resolved, inner) <= 1),
      );
    }
    const found = new Map<Axis, Governor>();
    const sides = [
      ...relation.inputs.map((letters, i) => ({ letters, name: node.inputs[i] ?? "" })),
      ...relation.outputs.map((letters, i) => ({ letters, name: node.outputs[i] ?? "" })),
    ];
    for (const { letters, name } of sides) {
      if (letters === undefined || name === "" || walk.inert.has(name)) continue;
      const governed = governors(inner, of, letters, letters.map(resolve));
      if (governed === undefined) return false;
      for (const [letter, governor] of governed) {
        const before = found.get(letter);
        if (before !== undefined && before !== governor) return false;
        found.set(letter, governor);
      }
    }
    return relation.mixed.every((together) =>
      [...found].every(
        ([letter, governor]) =>
          governor === "own" || !together.includes(governor) || together.includes(letter),
      ),
    );
  });
}

/** How often an atom stands in an element's coordinates, at most. */
function most(axes: readonly (readonly (readonly Atom[])[])[], atom: Atom): number {
  return axes.reduce(
    (total, axis) => total + Math.max(...axis.map((segment) => segment.filter((one) => one === atom).length)),
    0,
  );
}

/**
 * For each axis that carries `inner`, what governs it; undefined when something does not or it is in doubt. Within a
 * product the outer space has to stand once; along another axis it has to be the only one, throughout that axis.
 */
function governors(
  inner: Atom,
  of: Atom,
  axes: Axes,
  resolved: readonly (readonly (readonly Atom[])[])[],
): Map<Axis, Governor> | undefined {
  const found = new Map<Axis, Governor>();
  for (const [k, axis] of axes.entries()) {
    const carrying = resolved[k]!.filter((segment) => segment.includes(inner));
    if (carrying.length === 0) continue;
    const counts = carrying.map((segment) => segment.filter((atom) => atom === of).length);
    if (carrying.some((segment) => segment.filter((atom) => atom === inner).length > 1)) return undefined;
    if (counts.every((count) => count === 1)) {
      found.set(axis, "own");
      continue;
    }
    const others = resolved.flatMap((segments, other) =>
      segments.some((segment) => segment.includes(of)) ? [other] : [],
    );
    const [only] = others;
    if (only === undefined || others.length > 1 || only === k) return undefined;
    const [segment, ...more] = resolved[only]!;
    if (more.length > 0 || segment!.filter((atom) => atom === of).length !== 1) return undefined;
    found.set(axis, axes[only]!);
  }
  return found;
}
