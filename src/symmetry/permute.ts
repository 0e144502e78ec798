import { ScopeError } from "../base/error.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { axisSize, coordinates, governingAxis } from "./coordinates.ts";
import { complete } from "./permutations.ts";
import type { AxisFactors, Permutations, Symmetry } from "./types.ts";

/**
 * The network's weights with every space put in the given order: the same function from other weights. Tensors that carry
 * no space are passed through as they are; the others are float32 and come out as new tensors.
 * Cost: one pass over the weights that move.
 * @throws {ScopeError} shape, when a tensor or an order does not fit the symmetry
 */
export function permute(
  symmetry: Symmetry,
  permutations: Permutations,
  weights: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const all = complete(symmetry, permutations);
  return new Map(
    [...weights].map(([name, tensor]) => {
      const axes = symmetry.tensors.get(name);
      return [name, axes === undefined ? tensor : permuteTensor(symmetry, all, name, axes, tensor)];
    }),
  );
}

/**
 * @throws {ScopeError} shape, unless `tensor` is float32 and as long as `axes` say
 */
export function checkTensor(name: string, axes: readonly AxisFactors[], tensor: Tensor): Float32Array {
  const sizes = axes.map(axisSize);
  if (!(tensor.data instanceof Float32Array) || tensor.shape.join() !== sizes.join()) {
    throw new ScopeError(
      "shape",
      `"${name}" must be float32 [${sizes.join(", ")}] to be permuted, got ${tensor.dtype} [${tensor.shape.join(", ")}]`,
    );
  }
  return tensor.data;
}

/** The old place of each position of an axis; with one row for each state of the other axes it depends on. */
interface AxisMap {
  readonly table: Int32Array;
  /** Axes on which the row depends, with the share each of their positions adds to the row's number. */
  readonly rows: readonly { readonly axis: number; readonly share: Int32Array }[];
  readonly isIdentity: boolean;
}

function permuteTensor(
  symmetry: Symmetry,
  all: Permutations,
  name: string,
  axes: readonly AxisFactors[],
  tensor: Tensor,
): Tensor {
  const from = checkTensor(name, axes, tensor);
  const maps = axes.map((_, k) => axisMap(symmetry, all, axes, k));
  const { shape } = tensor;
  const out = new Float32Array(from.length);
  // Trailing axes that stay, and that no other axis looks at, are copied as blocks.
  const governs = new Set(maps.flatMap((map) => map.rows.map(({ axis }) => axis)));
  let depth = shape.length;
  let block = 1;
  while (depth > 0 && maps[depth - 1]!.isIdentity && !governs.has(depth - 1)) block *= shape[--depth]!;
  const strides = shape.map((_, k) => shape.slice(k + 1).reduce((size, one) => size * one, 1));
  const position = new Int32Array(shape.length);
  let to = 0;
  // An axis may depend on one that comes after it, so old places are only known once all positions are.
  const dependsForward = maps.some((map, k) => map.rows.some(({ axis }) => axis > k));
  const row = (map: AxisMap): number =>
    map.rows.reduce((total, { axis, share }) => total + share[position[axis]!]!, 0);
  const visit = (k: number, base: number): void => {
    if (k === depth) {
      const start = dependsForward
        ? maps.reduce(
            (sum, map, axis) =>
              axis < depth
                ? sum + map.table[row(map) * shape[axis]! + position[axis]!]! * strides[axis]!
                : sum,
            0,
          )
        : base;
      if (block === 1) out[to] = from[start]!;
      else out.set(from.subarray(start, start + block), to);
      to += block;
      return;
    }
    const map = maps[k]!;
    const [size, stride] = [shape[k]!, strides[k]!];
    if (dependsForward) {
      for (let i = 0; i < size; i++) {
        position[k] = i;
        visit(k + 1, 0);
      }
      return;
    }
    const first = row(map) * size;
    if (k === depth - 1 && block === 1) {
      for (let i = 0; i < size; i++) {
        position[k] = i;
        out[to++] = from[base + map.table[first + i]! * stride]!;
      }
      return;
    }
    for (let i = 0; i < size; i++) {
      position[k] = i;
      visit(k + 1, base + map.table[first + i]! * stride);
    }
  };
  visit(0, 0);
  return float32(shape, out);
}

function axisMap(symmetry: Symmetry, all: Permutations, axes: readonly AxisFactors[], k: number): AxisMap {
  const axis = axes[k]!;
  const size = axisSize(axis);
  // States of other axes that nested spaces on this one depend on.
  const outside = new Map<string, { axis: number; outer: number; radix: number; stride: number }>();
  for (const { space } of axis.flat()) {
    const outer = space === undefined ? undefined : symmetry.spaces[space]!.within;
    if (space === undefined || outer === undefined) continue;
    const at = governingAxis(symmetry, axes, k, space);
    if (at !== k)
      outside.set(`${at} ${outer}`, { axis: at, outer, radix: symmetry.spaces[outer]!.size, stride: 0 });
  }
  let count = 1;
  for (const one of outside.values()) {
    one.stride = count;
    count *= one.radix;
  }
  const table = new Int32Array(count * size);
  for (let state = 0; state < count; state++) {
    const elementOf = (outer: number): number | undefined => {
      const found = [...outside.values()].find((one) => one.outer === outer);
      return found && Math.floor(state / found.stride) % found.radix;
    };
    fillRow(table.subarray(state * size, (state + 1) * size), symmetry, all, axis, elementOf);
  }
  return {
    table,
    rows: [...outside.values()].map((one) => ({
      axis: one.axis,
      share: coordinates(axes[one.axis]!, one.outer).map((element) => element * one.stride),
    })),
    isIdentity: table.every((old, i) => old === i % size),
  };
}

/** Old places along one axis, while the elements of outer spaces on other axes are the given ones. */
function fillRow(
  row: Int32Array,
  symmetry: Symmetry,
  all: Permutations,
  axis: AxisFactors,
  elementOf: (outer: number) => number | undefined,
): void {
  let start = 0;
  for (const factors of axis) {
    const size = factors.reduce((total, factor) => total * factor.size, 1);
    for (let i = 0; i < size; i++) {
      // Coordinates of the new position, last factor first.
      let rest = i;
      const place = factors.map(() => 0);
      for (let f = factors.length - 1; f >= 0; f--) {
        place[f] = rest % factors[f]!.size;
        rest = Math.floor(rest / factors[f]!.size);
      }
      let old = 0;
      factors.forEach((factor, f) => {
        let at = place[f]!;
        if (factor.space !== undefined) {
          const { within } = symmetry.spaces[factor.space]!;
          const own = factors.findIndex((other) => other.space === within);
          const p = within === undefined ? 0 : own >= 0 ? place[own]! : elementOf(within)!;
          at = all.get(factor.space)![p * factor.size + at]!;
        }
        old = old * factor.size + at;
      });
      row[start + i] = start + old;
    }
    start += size;
  }
}
