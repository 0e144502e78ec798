import type { Node } from "../../../src/graph/graph.ts";
import { type DType, numbers, sizeOf, type Tensor } from "../../../src/tensor/tensor.ts";

/** A tensor whose numbers are doubles whatever its type says: 0 and 1 for bool, whole numbers for integers. */
export interface Value {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What a kernel may know besides its inputs. */
export interface KernelContext {
  readonly node: Node;
  readonly opset: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** One operator, written as plainly as possible: the oracle other implementations are held against. */
export type Kernel = (inputs: readonly (Value | undefined)[], context: KernelContext) => Value[];

export function value(dtype: DType, shape: readonly number[], data: Float64Array): Value {
  if (data.length !== sizeOf(shape))
    throw new Error(`oracle: ${data.length} numbers for shape [${shape.join(", ")}]`);
  return { dtype, shape, data };
}

export function empty(dtype: DType, shape: readonly number[], fill = 0): Value {
  return { dtype, shape, data: new Float64Array(sizeOf(shape)).fill(fill) };
}

export function fromTensor(t: Tensor): Value {
  return { dtype: t.dtype, shape: t.shape, data: Float64Array.from(numbers(t)) };
}

export function toTensor({ dtype, shape, data }: Value): Tensor {
  if (dtype === "float32") return { dtype, shape, data: Float32Array.from(data) };
  if (dtype === "float64") return { dtype, shape, data };
  if (dtype === "int64") return { dtype, shape, data: BigInt64Array.from(data, (x) => BigInt(x)) };
  if (dtype === "int32") return { dtype, shape, data: Int32Array.from(data) };
  if (dtype === "bool" || dtype === "uint8") return { dtype, shape, data: Uint8Array.from(data) };
  throw new Error(`oracle: no ${dtype}`);
}

/** Numbers of an optional integer input. */
export function ints(v: Value | undefined): number[] | undefined {
  return v && Array.from(v.data);
}

export function need(v: Value | undefined): Value {
  if (v === undefined) throw new Error("oracle: a required input is absent");
  return v;
}

/** Steps between neighbours along each axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = Array.from({ length: shape.length }, () => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Calls `visit` for every index of a shape in row-major order. The index array is reused. */
export function forEachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], flat: number) => void,
): void {
  const total = sizeOf(shape);
  const index = Array.from({ length: shape.length }, () => 0);
  for (let flat = 0; flat < total; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** Position of an index in row-major data. */
export function offset(index: readonly number[], strides: readonly number[]): number {
  let at = 0;
  for (let axis = 0; axis < index.length; axis++) at += index[axis]! * strides[axis]!;
  return at;
}

/** Position in `shape` of an index of a larger shape it broadcasts to. */
export function broadcastOffset(
  index: readonly number[],
  shape: readonly number[],
  strides: readonly number[],
): number {
  const lead = index.length - shape.length;
  let at = 0;
  for (let axis = 0; axis < shape.length; axis++)
    if (shape[axis] !== 1) at += index[lead + axis]! * strides[axis]!;
  return at;
}

export function front(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
