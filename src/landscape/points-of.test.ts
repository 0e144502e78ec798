import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stream } from "../base/random.ts";
import { combine } from "./combine.ts";
import { bezierPoint, hullPoints, linePoint, planeOf } from "./points-of.ts";

const random = stream(5, "noise");
const vector = (size: number): Float32Array => Float32Array.from({ length: size }, () => random.normal());
const distance = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...Array.from(a, (value, i) => value - b[i]!));

describe("combine", () => {
  test("gives a network back bit for bit at its own point, whatever the others hold", () => {
    const bits = Float32Array.of(1e-45, -0, Number.NaN, Infinity, 0.1);
    const other = Float32Array.of(Infinity, Number.NaN, 1, 2, 3);
    const into = new Float32Array(5);
    for (const point of [linePoint(0), linePoint(1).toReversed(), bezierPoint(0).slice(0, 2)]) {
      combine([bits, other], point, into.fill(7));
      expect(new Uint8Array(into.buffer)).toEqual(new Uint8Array(bits.buffer));
    }
  });

  test("is the weighted sum in double precision, rounded once", () => {
    const [a, b, c] = [vector(5000), vector(5000), vector(5000)];
    const into = combine([a, b, c], [0.2, -1.7, 0.3], new Float32Array(5000));
    into.forEach((value, i) => expect(value).toBe(Math.fround(0.2 * a[i]! + -1.7 * b[i]! + 0.3 * c[i]!)));
  });

  test("leaves a weight that is the same everywhere exactly as it is on a line", () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.double({ min: -2, max: 3, noNaN: true }),
        (weight, alpha) => {
          const same = Float32Array.of(weight);
          expect(combine([same, same], linePoint(alpha), new Float32Array(1))[0]! - weight).toBe(0);
        },
      ),
    );
  });

  test("refuses other sizes", () => {
    expect(() => combine([vector(2), vector(3)], [1, 1], new Float32Array(2))).toThrow("2");
    expect(() => combine([vector(2)], [1, 1], new Float32Array(2))).toThrow("as many coefficients, got 2");
  });
});

test("a Bézier curve's coefficients are those of its formula, and sum to 1", () => {
  expect(bezierPoint(0)).toEqual([1, 0, 0]);
  expect(bezierPoint(1)).toEqual([0, 0, 1]);
  expect(bezierPoint(0.5)).toEqual([0.25, 0.5, 0.25]);
});

test("hull points are uniform on the simplex, and the same for a seed", () => {
  const points = hullPoints(3, 4000, 1);
  expect(hullPoints(3, 4000, 1)).toEqual(points);
  for (const point of points) {
    expect(point.every((part) => part >= 0)).toBe(true);
    expect(point.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  }
  // Dirichlet(1, 1, 1): mean 1/3, variance 1/18, P(part < 1/2) = 3/4; four standard errors of 4000 draws.
  for (const k of [0, 1, 2]) {
    const parts = points.map((point) => point[k]!);
    const mean = parts.reduce((a, b) => a + b) / parts.length;
    expect(Math.abs(mean - 1 / 3)).toBeLessThan(4 * Math.sqrt(1 / 18 / 4000));
    const variance = parts.reduce((sum, part) => sum + (part - mean) ** 2, 0) / parts.length;
    expect(Math.abs(variance * 18 - 1)).toBeLessThan(0.1);
    const low = parts.filter((part) => part < 0.5).length / parts.length;
    expect(Math.abs(low - 0.75)).toBeLessThan(4 * Math.sqrt(0.1875 / 4000));
  }
});

describe("planeOf", () => {
  const size = 300;
  const vectors = [vector(size), vector(size), vector(size)] as const;
  const plane = planeOf(vectors);

  test("has each network at its place, with coefficients of exactly 0 and 1", () => {
    expect(plane.places.map(({ x, y }) => plane.at(x, y))).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    vectors.forEach((one, i) => {
      const found = plane.project(one);
      expect(found.x).toBeCloseTo(plane.places[i]!.x, 9);
      expect(found.y).toBeCloseTo(plane.places[i]!.y, 9);
      expect(found.distance).toBeLessThan(1e-5);
    });
  });

  test("is orthonormal: distances in the plane are distances of weights", () => {
    fc.assert(
      fc.property(
        fc.tuple(...Array.from({ length: 4 }, () => fc.double({ min: -50, max: 50, noNaN: true }))),
        ([x0 = 0, y0 = 0, x1 = 0, y1 = 0]) => {
          const one = combine(vectors, plane.at(x0, y0), new Float32Array(size));
          const other = combine(vectors, plane.at(x1, y1), new Float32Array(size));
          expect(distance(one, other)).toBeCloseTo(Math.hypot(x1 - x0, y1 - y0), 3);
          const back = plane.project(one);
          expect(back.x).toBeCloseTo(x0, 3);
          expect(back.y).toBeCloseTo(y0, 3);
        },
      ),
    );
  });

  test("finds the nearest point of the plane and how far it is", () => {
    // Three points of the plane z = 0, and one at height 2 over (3, 4).
    const flat = planeOf([Float32Array.of(0, 0, 0), Float32Array.of(1, 0, 0), Float32Array.of(1, 1, 0)]);
    expect(flat.project(Float32Array.of(3, 4, 2))).toEqual({ x: 3, y: 4, distance: 2 });
  });

  test("counts only the leading numbers when told to", () => {
    const [a, b, c] = [Float32Array.of(0, 0, 9), Float32Array.of(2, 0, -5), Float32Array.of(0, 3, 77)];
    expect(planeOf([a, b, c], 2).places).toEqual([
      { x: 0, y: 0 },
      { x: 2, y: 0 },
      { x: 0, y: 3 },
    ]);
  });

  test("says why three networks span no plane", () => {
    const [a, b, c] = vectors;
    const between = combine([a, b], [0.3, 0.7], new Float32Array(size));
    expect(() => planeOf([a, b, b])).toThrow("the second and the third have the same weights");
    expect(() => planeOf([a, a.slice(), c])).toThrow("the first and the second have the same weights");
    expect(() => planeOf([a, b, a])).toThrow("the first and the third have the same weights");
    expect(() => planeOf([a, b, between])).toThrow("on the line through the others, at 0.700 of the way");
    expect(() => planeOf([a, b.map(() => Number.NaN), c])).toThrow("their weights are not numbers");
    expect(() => planeOf([a, b])).toThrow("three networks, got 2");
    expect(() => planeOf([a, b, vector(3)])).toThrow("three weight vectors of one size");
  });
});
