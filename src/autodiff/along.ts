import type { Builder } from "../graph/builder.ts";
import { float32, sizeOf, type Tensor } from "../tensor/tensor.ts";

/** A matrix [from, to], row-major, that maps rows along one axis: the result's row q is Σ_p x[p] · values[p, q]. */
export interface AxisMatrix {
  readonly from: number;
  readonly to: number;
  readonly values: Float64Array;
}

/** Multiplies x by a constant matrix along an axis: its size there goes from `from` to `to`. */
export function along(g: Builder, x: string, axis: number, { from, to, values }: AxisMatrix): string {
  const shape = g.shape(x);
  const result = shape.with(axis, to);
  const kind = (dims: readonly number[], data: Float64Array): Tensor =>
    g.dtype(x) === "float64" ? { dtype: "float64", shape: dims, data } : float32(dims, data);
  if (axis === shape.length - 1) return g.matmul(x, g.constant(kind([from, to], values)));
  const turned = new Float64Array(values.length);
  for (let p = 0; p < from; p++) for (let q = 0; q < to; q++) turned[q * from + p] = values[p * to + q]!;
  const columns = sizeOf(shape.slice(axis + 1));
  const stacked = g.reshape(x, [sizeOf(shape.slice(0, axis)), from, columns]);
  return g.reshape(g.matmul(g.constant(kind([to, from], turned)), stacked), result);
}
