import { wilson } from "../tensor/intervals.ts";
import { tQuantile } from "../tensor/stats.ts";
import type { Curve, Interval, PerImage, Split } from "./types.ts";

/**
 * Mean loss and accuracy along a path with 95 % intervals over images, point by point: Student's for the loss (none for a
 * single image), Wilson's for the accuracy. They say how well each point is known, not how points differ: the images
 * are the same everywhere, so differences between points are known far better (see `barriers`).
 * @param values parallel to the path's positions
 */
export function meanCurve(split: Split, values: readonly PerImage[]): Curve {
  const images = values[0]?.losses.length ?? 0;
  const t = images > 1 ? tQuantile(0.975, images - 1) : null;
  return {
    split,
    images,
    loss: values.map(({ losses }) => lossInterval(losses, t)),
    accuracy: values.map(({ correct }) => {
      let right = 0;
      for (const one of correct) right += one;
      return { value: right / correct.length, ...wilson(right, correct.length) };
    }),
  };
}

function lossInterval(losses: Float32Array, t: number | null): Interval | null {
  const n = losses.length;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += losses[i]!;
  const value = sum / n;
  if (!Number.isFinite(value)) return null;
  if (t === null) return { value, low: null, high: null };
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (losses[i]! - value) ** 2;
  const half = t * Math.sqrt(squares / (n - 1) / n);
  return { value, low: value - half, high: value + half };
}
