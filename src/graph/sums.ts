import { float32, sizeOf } from "../tensor/tensor.ts";
import type { Builder } from "./builder.ts";

/** Below this many numbers a reduction costs next to nothing however it is done. */
const worthwhile = 16_384;

/**
 * Σ over `axes` as products with a row of ones, or undefined when ReduceSum serves as well. ONNX Runtime's matrix
 * product reads memory at full speed; its ReduceSum over leading or inner axes is 3 to 10 times slower.
 *
 * Neighbouring axes that are both summed (or both kept) are one axis to begin with; then the sum is one of
 *
 *     R         → 1·X, X the numbers as a matrix of √R rows or so, then a short ReduceSum
 *     R K       → 1·X
 *     K R K'    → 1·X for each of K
 *     R K R' K' → first R' as above, then ReduceSum over R, which is short by now
 *
 * x: float32, numeric shape. Result: x's shape without `axes` (flattened to what is kept; the caller reshapes).
 *
 * @param least numbers from which on it is worth while
 */
export function sumByProduct(
  g: Builder,
  x: string,
  axes: readonly number[],
  least = worthwhile,
): string | undefined {
  const shape = g.shape(x);
  if (g.dtype(x) !== "float32" || sizeOf(shape) < least) return undefined;
  const runs = mergeAxes(shape, axes);
  const pattern = runs.map((run) => (run.summed ? "R" : "K")).join("");
  const sizes = runs.map((run) => run.size);
  const ones = (n: number): string => g.constant(float32([1, n], new Float32Array(n).fill(1)));
  switch (pattern) {
    case "R": {
      const rows = divisorNear(sizes[0]!, 512);
      const sums = g.matmul(ones(rows), g.reshape(x, [rows, sizes[0]! / rows]));
      return g.op("ReduceSum", [sums, g.ints([0, 1])], { keepdims: 0 });
    }
    case "RK": {
      const rows = divisorNear(sizes[0]!, 512);
      const rest = sizes[0]! / rows;
      const sums = g.matmul(ones(rows), g.reshape(x, [rows, rest * sizes[1]!]));
      return rest === 1
        ? sums
        : g.op("ReduceSum", [g.reshape(sums, [rest, sizes[1]!]), g.ints([0])], { keepdims: 0 });
    }
    case "KRK":
      return g.matmul(ones(sizes[1]!), g.reshape(x, sizes));
    case "RKRK": {
      const inner = g.matmul(ones(sizes[2]!), g.reshape(x, [sizes[0]! * sizes[1]!, sizes[2]!, sizes[3]!]));
      return g.op("ReduceSum", [g.reshape(inner, [sizes[0]!, sizes[1]! * sizes[3]!]), g.ints([0])], {
        keepdims: 0,
      });
    }
    default:
      return undefined;
  }
}

/** Runs of neighbouring axes of the same fate; axes of size 1 join whatever is beside them. */
function mergeAxes(shape: readonly number[], axes: readonly number[]): { summed: boolean; size: number }[] {
  const runs: { summed: boolean; size: number }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const summed = axes.includes(axis);
    const last = runs.at(-1);
    if (last?.summed === summed) last.size *= size;
    else runs.push({ summed, size });
  });
  return runs;
}

/** The divisor of n nearest to `wanted` from below (at least 1). */
function divisorNear(n: number, wanted: number): number {
  for (let d = Math.min(n, wanted); d > 1; d--) if (n % d === 0) return d;
  return 1;
}
