import type { AxisFactors, Symmetry } from "./types.ts";

/** Number of positions of an axis. */
export function axisSize(axis: AxisFactors): number {
  return axis.reduce((total, factors) => total + factors.reduce((size, factor) => size * factor.size, 1), 0);
}

/** Which element of `space` each position of an axis belongs to; −1 where the axis does not carry it there. */
export function coordinates(axis: AxisFactors, space: number): Int32Array {
  const out = new Int32Array(axisSize(axis)).fill(-1);
  let start = 0;
  for (const factors of axis) {
    const size = factors.reduce((total, factor) => total * factor.size, 1);
    const at = factors.findIndex((factor) => factor.space === space);
    if (at >= 0) {
      const inner = factors.slice(at + 1).reduce((total, factor) => total * factor.size, 1);
      const own = factors[at]!.size;
      for (let i = 0; i < size; i++) out[start + i] = Math.floor(i / inner) % own;
    }
    start += size;
  }
  return out;
}

/**
 * The axis of a tensor that says which element of its outer space a nested space on `axis` belongs to: the axis itself
 * when the two stand in one product, else the one that carries the outer space.
 */
export function governingAxis(
  symmetry: Symmetry,
  axes: readonly AxisFactors[],
  axis: number,
  space: number,
): number {
  const outer = symmetry.spaces[space]!.within!;
  const own = axes[axis]!.some(
    (factors) =>
      factors.some((factor) => factor.space === space) && factors.some((factor) => factor.space === outer),
  );
  if (own) return axis;
  return axes.findIndex((one) => one.some((factors) => factors.some((factor) => factor.space === outer)));
}
