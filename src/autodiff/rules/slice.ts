import { knownInts } from "../axes.ts";
import { placeSlice, type SlicedAxis, slicedAxis } from "../place.ts";
import type { GradientRule } from "../rule.ts";

/** Every step-th row between start and end along some axes; dx has dy in those rows, 0 elsewhere. */
export const slice: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => {
  const shape = g.shape(x);
  const starts = knownInts(g, node, 1, "starts")!;
  const axes = knownInts(g, node, 3, "axes") ?? starts.map((_, i) => i);
  const steps = knownInts(g, node, 4, "steps") ?? starts.map(() => 1);
  const rows = axes.map((axis, i): SlicedAxis => slicedAxis(shape, axis, starts[i]!, steps[i]!));
  return [placeSlice(g, dy, shape, rows)];
};
