import type { AttributeLike } from "../../src/graph/builder.ts";
import { allocate, type DType, int64s, scalar, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import type { Draw } from "../kit/draw.ts";

/** An input of the operator under test: fed when the graph runs, or a constant whose contents inference may use. */
export interface ShapeInput {
  readonly role: "fed" | "constant";
  readonly tensor: Tensor;
}

/** One use of an operator: random shapes, attributes and, where they matter, contents. */
export interface ShapeCase {
  readonly inputs: readonly (ShapeInput | undefined)[];
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  /** Number of outputs; 1 unless given. */
  readonly outputs?: number;
  /** The operator set; 17 unless given. */
  readonly opset?: number;
}

/** Draws a case. `block`: width of the runtime's blocked layout. */
export type ShapeCases = (d: Draw, block: number) => ShapeCase;

/** A fed tensor of numbers in (0, 1), or of zeros and ones for integers. */
export function fed(d: Draw, shape: readonly number[], dtype: DType = "float32"): ShapeInput {
  return { role: "fed", tensor: filled(d, shape, dtype, 0, 1) };
}

/** Random numbers between two bounds; whole numbers for integers, 0 and 1 for bool. */
export function filled(d: Draw, shape: readonly number[], dtype: DType, low: number, high: number): Tensor {
  const data = allocate(dtype, sizeOf(shape));
  const draws = (dtype === "bool" ? d.between(shape, 0, 1) : d.between(shape, low, high)).data;
  draws.forEach((x, i) => {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(Math.round(x));
    else data[i] = dtype.startsWith("float") ? x : Math.round(x);
  });
  return { dtype, shape, data };
}

/** A constant tensor. */
export function constant(tensor: Tensor): ShapeInput {
  return { role: "constant", tensor };
}

/** Constant int64 list. */
export function ints(values: readonly number[]): ShapeInput {
  return constant(int64s(values));
}

/** Constant int64 scalar. */
export function int(value: number): ShapeInput {
  return constant(scalar(value, "int64"));
}

/** Constant or fed, by chance. */
export function either(d: Draw, tensor: Tensor): ShapeInput {
  return { role: d.bool() ? "constant" : "fed", tensor };
}

/** An axis from the front or, by chance, the same one counted from the end. */
export function signed(d: Draw, axis: number, rank: number): number {
  return d.bool() ? axis : axis - rank;
}

/** Some of the axes of a shape of `rank`, at least `least`, in random order and notation. */
export function someAxes(d: Draw, rank: number, least = 1): number[] {
  return d
    .order(rank)
    .slice(0, d.int(Math.min(least, rank), rank))
    .map((axis) => signed(d, axis, rank));
}
