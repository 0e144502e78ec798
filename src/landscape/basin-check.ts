import { stream } from "../base/random.ts";
import { hullPoints } from "./points-of.ts";

/** Points to look at for a basin check: coefficients over the networks, then over `noise`. */
export interface BasinPlan {
  /** Points drawn uniformly (over coefficients) from the convex hull S of the networks. */
  readonly inside: readonly (readonly number[])[];
  /** f + ν: points on the rim of S, moved by a random vector of length about δ. */
  readonly shaken: readonly (readonly number[])[];
  /** The same points of the rim, moved outward by that vector's length along the ray that leads there. */
  readonly pushed: readonly (readonly number[])[];
  /** The vectors ν ~ N(0, δ²/n I) [P]; basis vectors after the networks. */
  readonly noise: readonly Float32Array[];
}

export interface BasinPlanOptions {
  /** δ, the length of a step out of the hull, in the unit of weight space. */
  readonly delta: number;
  /** Points inside; 32 unless told. */
  readonly inside?: number;
  /** Rays; 16 unless told. */
  readonly rays?: number;
  /** Different vectors ν, which the rays take in turn; 4 unless told. Each costs the memory of a network. */
  readonly noises?: number;
  /** Leading numbers that are parameters; the others (running statistics) are not moved. All unless told. */
  readonly parameters?: number;
  readonly seed: number;
}

/**
 * Plans the check whether networks lie in one (ε, δ)-basin: a convex set S, here their convex hull, where the loss is flat
 * inside and rises just outside. Rays go from one uniform point of S through another to the rim, f(w1, w2), the furthest
 * point of S on the ray.
 * Source: Neyshabur et al. 2020, arXiv:2008.11687, definition 3.1.
 * Deviation: S has the networks' dimension, k − 1, so ν almost surely leaves it; expectations are means over the points.
 */
export function planBasinCheck(vectors: readonly Float32Array[], options: BasinPlanOptions): BasinPlan {
  const k = vectors.length;
  const length = vectors[0]?.length ?? 0;
  const { delta, seed, inside = 32, rays = 16, noises = 4, parameters = length } = options;
  const noise = Array.from({ length: Math.min(noises, rays) }, (_, i) => {
    const random = stream(seed, "noise", "basin", i);
    const vector = new Float32Array(length);
    for (let at = 0; at < parameters; at++) vector[at] = (delta / Math.sqrt(parameters)) * random.normal();
    return vector;
  });
  const lengths = noise.map((vector) => Math.sqrt(dot(vector, vector, parameters)));
  const gram = vectors.map((one) => vectors.map((other) => dot(one, other, parameters)));
  const none = noise.map(() => 0);
  const shaken: number[][] = [];
  const pushed: number[][] = [];
  const ends = hullPoints(k, 2 * rays, seed + 1);
  for (let ray = 0; ray < rays; ray++) {
    const [from, through] = [ends[2 * ray]!, ends[2 * ray + 1]!];
    const way = through.map((one, i) => one - from[i]!);
    const rim = from.map((one, i) => one + reach(from, way) * way[i]!);
    const which = ray % noise.length;
    shaken.push([...rim, ...none.map((_, i) => (i === which ? 1 : 0))]);
    // ‖Σ way_i θ_i‖ from the scalar products of the networks.
    const norm = Math.sqrt(
      Math.max(
        0,
        way.reduce((sum, a, i) => sum + way.reduce((part, b, j) => part + a * b * gram[i]![j]!, 0), 0),
      ),
    );
    const step = norm > 0 ? lengths[which]! / norm : 0;
    pushed.push([...rim.map((one, i) => one + step * way[i]!), ...none]);
  }
  return {
    inside: hullPoints(k, inside, seed).map((point) => [...point, ...none]),
    shaken,
    pushed,
    noise,
  };
}

/** How far one can go from a point of the simplex along `way` until a coefficient becomes negative. */
function reach(from: readonly number[], way: readonly number[]): number {
  return Math.min(...way.map((step, i) => (step < 0 ? -from[i]! / step : Infinity)), Number.MAX_VALUE);
}

function dot(a: Float32Array, b: Float32Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Whether the definition's three conditions hold, and the numbers they compare. All in nats. */
export interface BasinCheck {
  /** μ: mean loss inside. */
  readonly mean: number;
  /** (1) mean |loss − μ| inside, wanted ≤ ε. */
  readonly spread: number;
  /** (2) mean loss of the shaken points less μ, wanted ≥ 2ε. Infinity where a loss is not a number. */
  readonly shakenRise: number;
  /** (3) the same of the pushed points. */
  readonly pushedRise: number;
  readonly isFlat: boolean;
  readonly rises: boolean;
}

/**
 * The three conditions of an (ε, δ)-basin from the losses at the points of a plan; null for what is not a finite number,
 * which inside means not flat (μ and spread Infinity), outside a rise without end.
 * Source: Neyshabur et al. 2020, arXiv:2008.11687, definition 3.1.
 */
export function basinCheck(
  losses: {
    readonly inside: readonly (number | null)[];
    readonly shaken: readonly (number | null)[];
    readonly pushed: readonly (number | null)[];
  },
  epsilon: number,
): BasinCheck {
  const average = (values: readonly (number | null)[]): number =>
    values.reduce<number>((sum, value) => sum + (value ?? Infinity), 0) / values.length;
  const mean = average(losses.inside);
  if (!Number.isFinite(mean)) {
    return { mean, spread: Infinity, shakenRise: 0, pushedRise: 0, isFlat: false, rises: false };
  }
  const spread = average(losses.inside.map((loss) => Math.abs(loss! - mean)));
  const shakenRise = average(losses.shaken) - mean;
  const pushedRise = average(losses.pushed) - mean;
  return {
    mean,
    spread,
    shakenRise,
    pushedRise,
    isFlat: spread <= epsilon,
    rises: shakenRise >= 2 * epsilon && pushedRise >= 2 * epsilon,
  };
}
