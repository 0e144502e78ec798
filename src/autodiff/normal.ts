import type { Builder } from "../graph/builder.ts";

/** Normalised numbers x̂ = (x − mean) · rate and the rate r = 1/√(variance + ε) they were scaled by. */
export interface Normal {
  readonly value: string;
  readonly rate: string;
}

/** x normalised over some axes, with the population variance. `rate` has size 1 along them. */
export function centre(g: Builder, x: string, axes: readonly number[], epsilon: number): Normal {
  const centred = g.sub(x, g.reduceMean(x, axes, true));
  const variance = g.reduceMean(g.mul(centred, centred), axes, true);
  const rate = g.op("Reciprocal", [g.op("Sqrt", [g.plus(variance, g.scalar(epsilon, g.dtype(x)))])]);
  return { value: g.mul(centred, rate), rate };
}

/** Gradient of x from u, the gradient of x̂: r · (u − mean of u − x̂ · mean of u · x̂), means over `axes`. Shape of x. */
export function throughNormal(
  g: Builder,
  { value, rate }: Normal,
  u: string,
  axes: readonly number[],
): string {
  const centred = g.sub(u, g.reduceMean(u, axes, true));
  const along = g.mul(value, g.reduceMean(g.mul(u, value), axes, true));
  return g.mul(g.sub(centred, along), rate);
}
