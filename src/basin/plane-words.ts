import { decimal, enumerate, grouped } from "../figure/numbers.ts";
import type { PlaneResults } from "./results.ts";

/** What the words are made from. */
export type PlaneFacts = Pick<PlaneResults, "models" | "unit" | "x" | "y" | "surfaces" | "hull">;

/**
 * A plane in sentences. They describe the points looked at: a plane has no interval, `barrier` gives one for a pair.
 * @param inside whether a point of the grid lies in the triangle of the three networks, [y][x]
 */
export function planeWords(facts: PlaneFacts, inside: readonly (readonly boolean[])[] | undefined): string[] {
  return [...(inside === undefined ? aroundOne(facts) : throughThree(facts, inside)), ...hullWords(facts)];
}

function surfaceOf({ surfaces }: PlaneFacts): {
  accuracy: readonly (readonly number[])[];
  images: number;
  of: string;
} {
  const { accuracy, images, split } = surfaces.find((one) => one.split === "test") ?? surfaces[0]!;
  return { accuracy, images, of: `${grouped(images)} ${split === "test" ? "test" : "training"} images` };
}

function throughThree(facts: PlaneFacts, inside: readonly (readonly boolean[])[]): string[] {
  const { accuracy, of } = surfaceOf(facts);
  const within = accuracy.flatMap((row, j) => row.filter((_, i) => inside[j]![i]!));
  const ends = facts.models.map(({ name, accuracy: own }) => `${name} ${share((own?.test ?? own?.train)!)}`);
  const lines = [`Of ${of}, ${enumerate(ends)} are classified correctly.`];
  if (within.length === 0) {
    lines.push("No point of the grid lies inside their triangle: a finer --grid would.");
    return lines;
  }
  const corners = facts.models.map(({ accuracy: own }) => (own?.test ?? own?.train)!);
  const [least, most] = [Math.min(...within), Math.max(...within)];
  const fall = Math.min(...corners) - least;
  const verdict =
    fall > 0
      ? `the least is ${decimal(100 * fall, 1)} points below the worst of the three`
      : "none of them is below the worst of the three";
  const found = least === most ? share(least) : `${share(least)} to ${share(most)}`;
  lines.push(
    `At the ${within.length} ${within.length === 1 ? "point" : "points"} of the grid inside their triangle it is ${found}: ${verdict}. Whether a barrier is shown, with its interval: transferscope barrier, pair by pair.`,
  );
  return lines;
}

/** Points of accuracy that count as keeping it. */
const kept = 0.02;

function aroundOne(facts: PlaneFacts): string[] {
  const { accuracy, of } = surfaceOf(facts);
  const { x, y, models } = facts;
  const own = (models[0]!.accuracy?.test ?? models[0]!.accuracy?.train)!;
  // Rings of points by distance: how far out do all of them keep the accuracy?
  const points = y
    .flatMap((v, j) => x.map((u, i) => ({ radius: Math.hypot(u, v), accuracy: accuracy[j]![i]! })))
    .toSorted((a, b) => a.radius - b.radius);
  const first = points.find((point) => point.accuracy < own - kept);
  const farthest = points.findLast((point) => first === undefined || point.radius < first.radius);
  const begin = `Of ${of}, ${models[0]!.name} classifies ${share(own)} correctly.`;
  if (first === undefined) {
    return [
      `${begin} Nowhere on this grid, up to ${decimal(points.at(-1)!.radius, 2)} filter norms away, does it lose more than ${decimal(100 * kept, 0)} points.`,
    ];
  }
  const fallen = `at ${decimal(first.radius, 2)} filter norms one has fallen to ${share(first.accuracy)}`;
  const near = `within ${decimal(100 * kept, 0)} points of that`;
  return [
    farthest === undefined || farthest.radius === 0
      ? `${begin} Already at the nearest distance looked at not all points stay ${near}: ${fallen}.`
      : `${begin} Up to ${decimal(farthest.radius, 2)} filter norms away all points of the plane stay ${near}; ${fallen}.`,
  ];
}

function hullWords({ hull }: PlaneFacts): string[] {
  if (hull === undefined) return [];
  const found = hull.accuracy.find(({ split }) => split === "test") ?? hull.accuracy[0]!;
  const worst = Math.min(...found.corners);
  const verdict =
    found.least >= worst
      ? "no point of them is worse than the worst of the networks"
      : `the worst is ${decimal(100 * (worst - found.least), 1)} points below the worst of the networks (${share(worst)})`;
  return [
    `At ${grouped(hull.points)} random points of the convex hull of ${hull.of.length} networks the ${found.split === "test" ? "test" : "training"} accuracy is ${share(found.mean)} on average, ${share(found.least)} at least and ${share(found.most)} at most: ${verdict}.`,
  ];
}

function share(x: number): string {
  return `${decimal(100 * x, 1)} %`;
}
