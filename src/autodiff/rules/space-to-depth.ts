import { intAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/** Blocks of b × b pixels laid out as channels; dx spreads them again. x: [N, C, bH, bW], y: [N, b²C, H, W]. */
export const spaceToDepth: GradientRule = ({ node, dy: [dy = ""], g }) => [
  g.op("DepthToSpace", [dy], { blocksize: intAttr(node, "blocksize", 1), mode: "DCR" }),
];
