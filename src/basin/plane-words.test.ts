import { expect, test } from "vitest";
import { type PlaneFacts, planeWords } from "./plane-words.ts";

const model = (name: string, accuracy: number) => ({
  name,
  cell: name,
  parameters: 10,
  accuracy: { test: accuracy },
  x: 0,
  y: 0,
});

function facts(accuracy: number[][], own: readonly number[], more: Partial<PlaneFacts> = {}): PlaneFacts {
  const axis = accuracy.map((_, i) => i - (accuracy.length - 1) / 2);
  return {
    models: own.map((one, i) => model("ABC"[i]!, one)),
    unit: own.length === 1 ? "filter norms" : "l2 distance",
    x: axis,
    y: axis,
    surfaces: [{ split: "test", images: 1000, loss: accuracy.map((row) => row.map(() => null)), accuracy }],
    ...more,
  };
}

const yes = [
  [false, false, false],
  [false, true, true],
  [false, true, false],
];

test("through three networks: the points inside their triangle, against the worst of the three", () => {
  const valley = [
    [0.1, 0.1, 0.1],
    [0.1, 0.5, 0.8],
    [0.1, 0.7, 0.1],
  ];
  expect(planeWords(facts(valley, [0.9, 0.8, 0.85]), yes)).toEqual([
    "Of 1,000 test images, A 90.0 %, B 80.0 % and C 85.0 % are classified correctly.",
    "At the 3 points of the grid inside their triangle it is 50.0 % to 80.0 %: the least is 30.0 points below the worst of the three. Whether a barrier is shown, with its interval: transferscope barrier, pair by pair.",
  ]);
  const flat = valley.map((row) => row.map(() => 0.9));
  expect(planeWords(facts(flat, [0.9, 0.9, 0.9]), yes)[1]).toContain(
    "it is 90.0 %: none of them is below the worst of the three",
  );
  const none = yes.map((row) => row.map(() => false));
  expect(planeWords(facts(flat, [0.9, 0.9, 0.9]), none)[1]).toContain("a finer --grid would");
});

test("around one network: how far out all points keep its accuracy", () => {
  const cone = [
    [0.3, 0.5, 0.3],
    [0.5, 0.9, 0.5],
    [0.3, 0.5, 0.3],
  ];
  expect(planeWords(facts(cone, [0.9]), undefined)).toEqual([
    "Of 1,000 test images, A classifies 90.0 % correctly. Already at the nearest distance looked at not all points stay within 2 points of that: at 1.00 filter norms one has fallen to 50.0 %.",
  ]);
  const plateau = cone.map((row, j) => row.map((one, i) => (i === 1 || j === 1 ? 0.89 : one)));
  expect(planeWords(facts(plateau, [0.9]), undefined)[0]).toContain(
    "Up to 1.00 filter norms away all points of the plane stay within 2 points of that; at 1.41 filter norms one has fallen to 30.0 %.",
  );
  const flat = cone.map((row) => row.map(() => 0.9));
  expect(planeWords(facts(flat, [0.9]), undefined)[0]).toContain(
    "Nowhere on this grid, up to 1.41 filter norms",
  );
});

test("the hull: mean, least and most, against the worst of the networks", () => {
  const flat = yes.map((row) => row.map(() => 0.9));
  const hull = (least: number) => ({
    of: ["A", "B", "C", "D"],
    points: 100,
    accuracy: [{ split: "test" as const, mean: 0.85, least, most: 0.9, corners: [0.9, 0.8, 0.9, 0.9] }],
  });
  expect(planeWords(facts(flat, [0.9, 0.8, 0.9], { hull: hull(0.7) }), yes).at(-1)).toBe(
    "At 100 random points of the convex hull of 4 networks the test accuracy is 85.0 % on average, 70.0 % at least and 90.0 % at most: the worst is 10.0 points below the worst of the networks (80.0 %).",
  );
  expect(planeWords(facts(flat, [0.9, 0.8, 0.9], { hull: hull(0.81) }), yes).at(-1)).toContain(
    "no point of them is worse than the worst of the networks",
  );
});
