import { ScopeError } from "../../base/error.ts";
import { intAttr } from "../../graph/graph.ts";
import { zeros } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y[…, i, …] = x[…, indices[…, i, …], …] along one axis; dx adds each number of dy to where it came from.
 * x: any shape; indices, y, dy: one shape of the same rank.
 */
export const gatherElements: GradientRule = ({ node, x: [x = "", indices = ""], dy: [dy = ""], g }) => {
  if (g.opset < 16) {
    throw new ScopeError(
      "unsupported",
      `no gradient for op "GatherElements" (node "${node.name}") in opset ${g.opset}: ONNX can add while scattering only from opset 16 on`,
      {
        hint: "convert the model to opset 16 or later",
      },
    );
  }
  const axis = intAttr(node, "axis", 0);
  return [
    g.op("ScatterElements", [zeros(g, g.shape(x), g.dtype(x)), indices, dy], { axis, reduction: "add" }),
  ];
};
