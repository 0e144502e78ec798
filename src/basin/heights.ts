import { ScopeError } from "../base/error.ts";
import { barriers } from "../landscape/barriers.ts";
import { meanCurve } from "../landscape/curve.ts";
import type { PerImage } from "../landscape/types.ts";
import type { Barrier, BarrierDefinition, Interval, Path, Split, Treatment } from "./results.ts";

/** `count` positions from 0 to 1, both ends and (when odd) the middle exact. */
export function evenly(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i / (count - 1));
}

/** What was seen on each image at every point of a path, by split; splits that were not looked at are absent. */
export type PathValues = Readonly<Partial<Record<Split, readonly PerImage[]>>>;

/**
 * A path from what was seen at its points: curves and all barriers, with intervals over images.
 * @param at positions, 0 and 1 among them
 */
export function pathOf(at: readonly number[], values: PathValues, treatment: Treatment): Path {
  const splits = (["train", "test"] as const).flatMap((split) => {
    const seen = values[split];
    return seen === undefined ? [] : [{ split, seen }];
  });
  return {
    treatment,
    at,
    curves: splits.map(({ split, seen }) => meanCurve(split, seen)),
    // One seed for all: paths over the same images are then resampled alike.
    barriers: splits.flatMap(({ split, seen }) => barriers(at, seen, { split, seed: 0 })),
  };
}

/** One of a path's barriers; none of the loss where that is not a finite number somewhere between the networks. */
export function barrierIn(
  { barriers: all }: Pick<Path, "barriers">,
  definition: BarrierDefinition,
  quantity: Barrier["quantity"],
  split: Split,
): Barrier | undefined {
  return all.find((one) => one.definition === definition && one.quantity === quantity && one.split === split);
}

/**
 * The height of one of a path's barriers.
 * @throws {ScopeError} data, when it is not there: a loss on the path that is not a finite number
 */
export function barrierHeight(
  path: Pick<Path, "barriers">,
  definition: BarrierDefinition,
  quantity: Barrier["quantity"],
  split: Split,
): Interval {
  const found = barrierIn(path, definition, quantity, split);
  if (found !== undefined) return found.height;
  throw new ScopeError(
    "data",
    `between two of the networks the ${split === "train" ? "training" : "test"} loss is not a finite number: it has no barrier`,
    { hint: "look at them with transferscope barrier; lower the learning rate" },
  );
}

/** ‖a − b‖₂ over the first `count` numbers, in float64. */
export function l2Distance(a: Float32Array, b: Float32Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}
