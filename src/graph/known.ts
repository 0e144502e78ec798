import { type DType, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { Dim, Initializer } from "./graph.ts";

/** What is known of a value before anything runs: its type, its shape, and for small values perhaps its contents. */
export interface Known {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  /** Present for constants and for what follows from them (shape arithmetic), so that Reshape and Slice can be understood. */
  readonly constant?: Tensor;
  /**
   * Contents of an integer scalar or list that is only partly known: the Shape of ["N", 3, 8, 8] is a list whose first
   * entry is "N". null marks an entry of which nothing is known. Absent when `constant` is there.
   */
  readonly dims?: readonly Dim[];
  /**
   * Reads the numbers of a float initializer, or works out what small ones are moved and combined into. Float
   * initializers are parameters: they have no `constant`, because what is computed from them must follow when they are
   * trained. A rule that cannot do without their numbers (Resize's scales) asks here. undefined when it cannot be said.
   */
  readonly load?: () => Tensor | undefined;
}

/** Values with more elements than this are never followed by constant propagation. */
export const propagationLimit = 1024;

const int64Max = 2n ** 63n - 1n;

/** Whether a type holds whole numbers (bool counts: 0 and 1). */
export function isInteger(dtype: DType): boolean {
  return !dtype.includes("float");
}

/** The shape as numbers, or undefined when a size is not known. */
export function numericShape(shape: readonly Dim[]): number[] | undefined {
  return shape.every((dim) => typeof dim === "number") ? [...shape] : undefined;
}

/** Contents as far as they are known, row-major; undefined when nothing is known or the value is too large to follow. */
export function contents(known: Known | undefined): readonly Dim[] | undefined {
  if (known?.constant === undefined) return known?.dims;
  return entries(known.constant);
}

/** Like `contents`, but reads the initializer when that is what the value is. */
export function readContents(known: Known | undefined): readonly Dim[] | undefined {
  const kept = contents(known);
  if (kept !== undefined || known?.load === undefined) return kept;
  const shape = numericShape(known.shape);
  const loaded = shape !== undefined && sizeOf(shape) <= propagationLimit ? known.load() : undefined;
  return loaded && entries(loaded);
}

/** A tensor's numbers. ±2^63 stand for the limits of int64 (Slice's "to the end"); other inexact integers are null. */
function entries(t: Tensor): Dim[] | undefined {
  if (t.dtype === "float16" || t.dtype === "bfloat16" || t.data.length > propagationLimit) return undefined;
  return Array.from(t.data as ArrayLike<number | bigint>, (value): Dim => {
    if (typeof value === "number") return value;
    const near = Number(value);
    if (Number.isSafeInteger(near)) return near;
    return value === int64Max || value === -int64Max - 1n ? near : null;
  });
}

/** What is known of an initializer: small integer ones (shapes, axes) are read at once, all others on request. */
export function knownInitializer(initializer: Initializer): Known {
  const { dtype, shape } = initializer;
  const load = (): Tensor => initializer.load();
  return isInteger(dtype) && sizeOf(shape) <= propagationLimit
    ? { dtype, shape, constant: load() }
    : { dtype, shape, load };
}
