import { knownInts } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/** x repeated along each axis; dx = Σ of dy over the copies. x: [d…], y: [d · repeats…]. */
export const tile: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => {
  const shape = g.shape(x);
  const repeats = knownInts(g, node, 1, "repeats")!;
  const folded = shape.flatMap((size, axis) => [repeats[axis]!, size]);
  const copies = repeats.flatMap((count, axis) => (count === 1 ? [] : [2 * axis]));
  return [g.reshape(g.reduceSum(g.reshape(dy, folded), copies, true), shape)];
};
