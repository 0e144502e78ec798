import { intAttr, intsAttr } from "../../graph/graph.ts";
import { fromFront, knownInts } from "../axes.ts";
import { zeros } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** x cut into parts along an axis; dx = the parts' gradients laid together, 0 for parts that are not used. */
export const split: GradientRule = ({ node, x: [x = ""], dy, g }) => {
  const shape = g.shape(x);
  const axis = fromFront(intAttr(node, "axis", 0), shape.length);
  const each = Math.ceil(shape[axis]! / dy.length);
  const equal = dy.map((_, i) => Math.min(each, shape[axis]! - i * each));
  const sizes = knownInts(g, node, 1, "sizes") ?? intsAttr(node, "split", equal);
  const parts = dy.map((part, i) => part ?? zeros(g, shape.with(axis, sizes[i]!), g.dtype(x)));
  return [parts.length === 1 ? parts[0] : g.op("Concat", parts, { axis })];
};
