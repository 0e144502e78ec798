/**
 * Points of weight space as coefficients: every point of a line, a curve, a plane or a hull is Σ c_i θ_i of a few weight
 * vectors θ_i, so that one piece of code can evaluate them all.
 */
import { ScopeError } from "../base/error.ts";
import { stream } from "../base/random.ts";

/** The point α of the line through two networks: (1 − α) θ_0 + α θ_1. */
export function linePoint(alpha: number): [number, number] {
  return [1 - alpha, alpha];
}

/**
 * The point t of the quadratic Bézier curve from θ_0 to θ_2 with control point θ_1: (1 − t)² θ_0 + 2t(1 − t) θ_1 + t² θ_2.
 * Source: Garipov et al. 2018, arXiv:1802.10026, section 3.3.
 */
export function bezierPoint(t: number): [number, number, number] {
  return [(1 - t) * (1 - t), 2 * t * (1 - t), t * t];
}

/**
 * `count` points of the convex hull of k networks, as k coefficients each (≥ 0, sum 1), uniform over the simplex:
 * Dirichlet(1, …, 1), drawn as exponentials over their sum.
 */
export function hullPoints(k: number, count: number, seed: number): number[][] {
  const random = stream(seed, "noise", "hull", k);
  return Array.from({ length: count }, () => {
    const parts = Array.from({ length: k }, () => -Math.log(1 - random.uniform()));
    const sum = parts.reduce((a, b) => a + b, 0);
    return parts.map((part) => (sum > 0 ? part / sum : 1 / k));
  });
}

/** A place on a plane, in the unit of weight space (l2 distance). */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** The plane through three networks, with an orthonormal basis: the first is the origin, the second lies on the x axis. */
export interface Plane {
  /** Where the three networks lie. */
  readonly places: readonly [Place, Place, Place];
  /** Where on the plane a weight vector is nearest to, and how far from the plane it is. */
  project(vector: Float32Array): Place & { readonly distance: number };
  /** Coefficients of the three networks at (x, y). At a network's own place: 1 for it, 0 for the others, exactly. */
  at(x: number, y: number): [number, number, number];
}

// Weights are float32: below this share of the vectors' length a difference is rounding.
const rounding = 1e-7;
// A triangle this flat has no second direction worth drawing.
const flat = 1e-6;

/**
 * The plane through three weight vectors, by Gram and Schmidt in double precision: u = (θ_1 − θ_0)/‖·‖,
 * w = (θ_2 − θ_0) − ⟨u, θ_2 − θ_0⟩ u, normalised.
 * Source: Garipov et al. 2018, arXiv:1802.10026, appendix (visualisation).
 * @param counted how many leading numbers distances are made of: without running statistics, say; all unless told
 * @throws {ScopeError} data, when two of them are the same or all lie on one line
 */
export function planeOf(vectors: readonly Float32Array[], counted?: number): Plane {
  const [a, b, c] = vectors;
  if (vectors.length !== 3 || a === undefined || b === undefined || c === undefined) {
    throw new ScopeError("usage", `a plane goes through three networks, got ${vectors.length}`);
  }
  const size = counted ?? a.length;
  if (b.length !== a.length || c.length !== a.length || size > a.length) {
    throw new ScopeError(
      "shape",
      `a plane needs three weight vectors of one size, got ${a.length}, ${b.length} and ${c.length} numbers`,
    );
  }
  let lengthA = 0;
  let uu = 0;
  let uv = 0;
  let vv = 0;
  let bc = 0;
  for (let i = 0; i < size; i++) {
    const u = b[i]! - a[i]!;
    const v = c[i]! - a[i]!;
    lengthA += a[i]! * a[i]!;
    uu += u * u;
    uv += u * v;
    vv += v * v;
    bc += (u - v) * (u - v);
  }
  const far = Math.sqrt(uu);
  const same = rounding * Math.sqrt(lengthA);
  const twins = [
    ["first", "second", far],
    ["first", "third", Math.sqrt(vv)],
    ["second", "third", Math.sqrt(bc)],
  ] as const;
  for (const [one, other, distance] of twins) {
    // Written so that weights that are not numbers fail here, too.
    if (distance > same) continue;
    throw new ScopeError(
      "data",
      Number.isNaN(distance)
        ? "three networks span no plane: their weights are not numbers"
        : `three networks span no plane: the ${one} and the ${other} have the same weights (distance ${distance.toPrecision(2)})`,
      { hint: "give three different networks" },
    );
  }
  // ‖w‖² as a sum over w itself: the difference vv − uv²/uu would lose all digits for a flat triangle.
  let ww = 0;
  for (let i = 0; i < size; i++) {
    const w = c[i]! - a[i]! - (uv / uu) * (b[i]! - a[i]!);
    ww += w * w;
  }
  const high = Math.sqrt(ww);
  const p = uv / far;
  if (!(high > Math.max(same, flat * Math.max(far, Math.sqrt(vv))))) {
    throw new ScopeError(
      "data",
      `three networks span no plane: the third lies on the line through the others, at ${(p / far).toPrecision(3)} of the way (off it by ${high.toPrecision(2)}, at a distance of ${far.toPrecision(3)} between them)`,
      { hint: "look at the line instead: barrier with --range" },
    );
  }
  return {
    places: [
      { x: 0, y: 0 },
      { x: far, y: 0 },
      { x: p, y: high },
    ],
    project(vector) {
      if (vector.length !== a.length) {
        throw new ScopeError("shape", `a plane of ${a.length} weights, got ${vector.length}`);
      }
      let x = 0;
      let y = 0;
      let all = 0;
      for (let i = 0; i < size; i++) {
        const d = vector[i]! - a[i]!;
        const u = b[i]! - a[i]!;
        x += d * u;
        y += d * (c[i]! - a[i]! - (uv / uu) * u);
        all += d * d;
      }
      x /= far;
      y /= high;
      return { x, y, distance: Math.sqrt(Math.max(0, all - x * x - y * y)) };
    },
    at(x, y) {
      const third = y / high;
      const second = (x - p * third) / far;
      return [1 - second - third, second, third];
    },
  };
}
