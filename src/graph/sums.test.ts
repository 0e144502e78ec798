import fc from "fast-check";
import { expect, test } from "vitest";
import { runtime } from "../../test/kit/ort.ts";
import { drawFrom } from "../../test/kit/draw.ts";
import { stream } from "../base/random.ts";
import { float32, numbers, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { Builder } from "./builder.ts";
import { sumByProduct } from "./sums.ts";

const numRuns = Number(process.env["FC_RUNS"] ?? 40);

/** Whole numbers: every sum of them is exact, so the two ways must agree to the last bit. */
function wholeNumbers(shape: readonly number[], seed: number): Tensor {
  const random = stream(seed, "noise");
  return float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.below(9) - 4),
  );
}

async function run(g: Builder, x: Tensor): Promise<Record<string, Tensor>> {
  const session = await (await runtime()).session(g.finish("sums"));
  const results = await session.run({ x });
  await session.release();
  return results;
}

test("a sum as a product equals ReduceSum, whatever the shape and the axes", async () => {
  const patterns = new Set<string>();
  const property = fc.asyncProperty(fc.gen(), async (gen) => {
    const d = drawFrom(gen);
    const shape = d.shape(d.int(1, 5), 7);
    const axes = [...shape.keys()].filter(() => d.bool());
    const g = new Builder();
    const x = g.input("x", "float32", shape);
    const product = sumByProduct(g, x, axes, 1);
    if (product === undefined) return;
    patterns.add(fates(shape, axes));
    g.output(product, g.op("ReduceSum", [x, g.ints(axes)], { keepdims: 0 }));
    const feed = wholeNumbers(shape, d.int(0, 2 ** 30));
    const [fast, plain] = Object.values(await run(g, feed));
    expect(numbers(fast!)).toEqual(numbers(plain!));
  });
  await fc.assert(property, { numRuns, seed: 1 });
  expect([...patterns].toSorted()).toEqual(["KRK", "R", "RK", "RKRK"]);
});

/** R and K for each run of axes that are summed or kept, axes of size 1 left out. */
function fates(shape: readonly number[], axes: readonly number[]): string {
  const letters = shape.flatMap((size, axis) => (size === 1 ? [] : [axes.includes(axis) ? "R" : "K"]));
  return letters.join("").replace(/(.)\1+/g, "$1");
}

test.each([
  [[16411], [0]],
  [[32768], [0]],
  [
    [16, 16, 8, 9],
    [0, 2, 3],
  ],
  [
    [16, 2, 5, 7, 16],
    [0, 2, 3],
  ],
  [
    [16, 2, 5, 7, 16],
    [2, 3],
  ],
  [
    [16, 2, 5, 7, 16],
    [-1, -2, -3, -4],
  ],
  [[130, 127], [0]],
  [[127, 130], [1]],
])("Builder.reduceSum of %j over %j keeps or drops the axes as ReduceSum does", async (shape, axes) => {
  for (const keepdims of [true, false]) {
    const g = new Builder();
    const x = g.input("x", "float32", shape);
    const fast = g.reduceSum(x, axes, keepdims);
    g.output(g.op("Identity", [fast]), g.op("ReduceSum", [x, g.ints(axes)], { keepdims: keepdims ? 1 : 0 }));
    const [ours, theirs] = Object.values(await run(g, wholeNumbers(shape, 7)));
    expect(ours!.shape).toEqual(theirs!.shape);
    expect(numbers(ours!)).toEqual(numbers(theirs!));
  }
});

test("small sums, other types and sums that ReduceSum does as well stay as they are", () => {
  const g = new Builder();
  expect(sumByProduct(g, g.input("small", "float32", [16, 16]), [0])).toBeUndefined();
  expect(sumByProduct(g, g.input("double", "float64", [512, 512]), [0])).toBeUndefined();
  expect(sumByProduct(g, g.input("inner", "float32", [512, 512]), [1])).toBeUndefined();
});
