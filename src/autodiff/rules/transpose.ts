import { intsAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/** Axes in another order (reversed unless `perm` is given); dx puts them back. */
export const transpose: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => {
  const reversed = g.shape(x).map((_, i, all) => all.length - 1 - i);
  const perm = intsAttr(node, "perm", reversed);
  return [
    g.transpose(
      dy,
      reversed.map((_, axis) => perm.indexOf(axis)),
    ),
  ];
};
