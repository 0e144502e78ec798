import { ScopeError } from "../base/error.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { coordinates, governingAxis } from "./coordinates.ts";
import { outerSize } from "./permutations.ts";
import { checkTensor } from "./permute.ts";
import type { Symmetry } from "./types.ts";

/** An axis of an initializer that carries a space. */
export interface Carrier {
  readonly tensor: string;
  readonly axis: number;
}

/** Every axis that carries a space, in the order of the tensors; a tensor that carries it on two axes is listed twice. */
export function carriers(symmetry: Symmetry, space: number): Carrier[] {
  return [...symmetry.tensors].flatMap(([tensor, axes]) =>
    axes.flatMap((axis, k) =>
      axis.some((factors) => factors.some((factor) => factor.space === space)) ? [{ tensor, axis: k }] : [],
    ),
  );
}

/**
 * A tensor seen from one space: row i holds, in a fixed order, all numbers whose position along `axis` belongs to element
 * i. Result: [n, rest], row-major; for a space nested in one of m elements [m, n, rest], the rows of outer element 0 first.
 * Rows of two networks' tensors compare number by number, so that rows · rowsᵀ is the table of scores for matching.
 * Segments of the axis that do not carry the space are left out.
 * Deviation from a plain transpose: an axis that carries the space in several segments (the heads of q, k and v) gives one
 * row with all of them.
 * @throws {ScopeError} usage, when that axis does not carry the space; shape, when the tensor is not the symmetry's
 */
export function spaceMatrix(
  symmetry: Symmetry,
  space: number,
  name: string,
  axis: number,
  tensor: Tensor,
): Float32Array {
  const axes = symmetry.tensors.get(name);
  const own = axes?.[axis] && coordinates(axes[axis], space);
  const found = symmetry.spaces[space];
  if (axes === undefined || own === undefined || found === undefined || !own.some((at) => at >= 0))
    throw new ScopeError("usage", `axis ${axis} of "${name}" does not carry space ${space}`);
  const from = checkTensor(name, axes, tensor);
  const { shape } = tensor;
  const stride = shape.slice(axis + 1).reduce((size, one) => size * one, 1);
  const outer = found.within;
  const rows = outerSize(symmetry, found) * found.size;
  const isCounted = own.reduce((count, at) => (at >= 0 ? count + 1 : count), 0);
  const rest = ((from.length / shape[axis]!) * isCounted) / rows;
  const out = new Float32Array(rows * rest);
  const next = Int32Array.from({ length: rows }, (_, row) => row * rest);
  if (outer === undefined) {
    gather(from, shape[axis]!, stride, own, out, next);
    return out;
  }
  const at = governingAxis(symmetry, axes, axis, space);
  const governor = coordinates(axes[at]!, outer);
  const step = shape.slice(at + 1).reduce((size, one) => size * one, 1);
  for (let i = 0; i < from.length; i++) {
    const place = own[Math.floor(i / stride) % shape[axis]!]!;
    if (place < 0) continue;
    const element = governor[Math.floor(i / step) % shape[at]!]!;
    out[next[element * found.size + place]!++] = from[i]!;
  }
  return out;
}

/** Stretches before the axis that are read together: their numbers of one row are written one after the other. */
const tile = 64;

/** Appends every number to the row its position along the axis belongs to. */
function gather(
  from: Float32Array,
  size: number,
  stride: number,
  own: Int32Array,
  out: Float32Array,
  next: Int32Array,
): void {
  const step = size * stride;
  for (let first = 0; first < from.length; first += tile * step) {
    const end = Math.min(from.length, first + tile * step);
    for (let k = 0; k < size; k++) {
      const row = own[k]!;
      if (row < 0) continue;
      let to = next[row]!;
      for (let begin = first + k * stride; begin < end; begin += step) {
        for (let i = 0; i < stride; i++) out[to++] = from[begin + i]!;
      }
      next[row] = to;
    }
  }
}
