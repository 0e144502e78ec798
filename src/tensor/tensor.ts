import { ScopeError } from "../base/error.ts";

/** Element types of ONNX and safetensors that we carry. float16 and bfloat16 are kept as raw bits. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint64"
  | "uint32"
  | "uint16"
  | "uint8"
  | "bool";

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | BigUint64Array
  | Uint32Array
  | Uint8Array;

/** An array of numbers with a shape, row-major. `data.length` is the product of `shape`. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** Bytes of one element. */
export function bytesOf(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** Number of elements of a shape: the product of its sizes, 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

/** A zero-filled array for `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number): TypedArray {
  return new constructors[dtype](length);
}

/** Reads `bytes` (little-endian) as elements of `dtype`; shares memory when alignment allows, copies otherwise. */
export function viewBytes(dtype: DType, bytes: Uint8Array): TypedArray {
  const kind = constructors[dtype];
  const length = bytes.byteLength / kind.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % kind.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new kind(aligned.buffer as ArrayBuffer, aligned.byteOffset, length);
}

/**
 * A tensor, checked.
 * @throws {ScopeError} shape, when data and shape disagree
 */
export function tensor(dtype: DType, shape: readonly number[], data: TypedArray): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new ScopeError(
      "shape",
      `a tensor of shape [${shape.join(", ")}] needs ${sizeOf(shape)} elements, got ${data.length}`,
    );
  }
  return { dtype, shape, data };
}

/** float32 tensor from numbers. */
export function float32(shape: readonly number[], data: ArrayLike<number>): Tensor {
  return tensor("float32", shape, data instanceof Float32Array ? data : Float32Array.from(data));
}

/** One-dimensional int64 tensor (shapes, axes, pads of ONNX operators). */
export function int64s(values: readonly number[]): Tensor {
  return tensor(
    "int64",
    [values.length],
    BigInt64Array.from(values, (v) => BigInt(v)),
  );
}

/** Scalar tensor of `dtype`. */
export function scalar(value: number, dtype: DType = "float32"): Tensor {
  const data = allocate(dtype, 1);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[0] = BigInt(value);
  else data[0] = value;
  return { dtype, shape: [], data };
}

/** The elements as plain numbers (int64 beyond 2^53 loses precision; raw 16-bit floats are not decoded). */
export function numbers(t: Tensor): number[] {
  return Array.from(t.data as ArrayLike<number | bigint>, Number);
}

/**
 * The shape two shapes broadcast to, by NumPy's and ONNX's rule.
 * @throws {ScopeError} shape, naming both
 */
export function broadcastShapes(a: readonly number[], b: readonly number[], where = "broadcast"): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[i - rank + a.length] ?? 1;
    const q = b[i - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new ScopeError(
        "shape",
        `${where}: shapes [${a.join(", ")}] and [${b.join(", ")}] do not broadcast`,
      );
    }
    return p === 1 ? q : p;
  });
}
