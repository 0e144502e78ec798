import { intAttr } from "../../graph/graph.ts";
import { fromFront } from "../axes.ts";
import type { GradientRule } from "../rule.ts";

/** Inputs laid one after the other along an axis; each gets its part of dy. */
export const concat: GradientRule = ({ node, x, dy: [dy = ""], needs, g }) => {
  const axis = fromFront(intAttr(node, "axis", 0), g.rank(dy));
  const sizes = x.map((input) => g.shape(input)[axis]!);
  if (sizes.length > 1 && !needs.includes(false)) {
    return g.ops("Split", [dy, g.ints(sizes)], { axis }, { outputs: sizes.length });
  }
  let start = 0;
  return sizes.map((size, i) => {
    start += size;
    if (!needs[i]) return undefined;
    return size === g.shape(dy)[axis] ? dy : g.slice(dy, [start - size], [start], [axis]);
  });
};
