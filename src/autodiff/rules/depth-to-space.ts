import { intAttr, stringAttr } from "../../graph/graph.ts";
import type { GradientRule } from "../rule.ts";

/** Channels laid out as b × b pixels; dx gathers them again. x: [N, b²C, H, W], y: [N, C, bH, bW]. */
export const depthToSpace: GradientRule = ({ node, x: [x = ""], dy: [dy = ""], g }) => {
  const b = intAttr(node, "blocksize", 1);
  const [n = 1, c = 1, h = 1, w = 1] = g.shape(x);
  const pixels = g.reshape(dy, [n, c / (b * b), h, b, w, b]);
  // DCR: the pixel's place is the outer part of the channel number; CRD: the inner part.
  const perm = stringAttr(node, "mode", "DCR") === "DCR" ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4];
  return [g.reshape(g.transpose(pixels, perm), [n, c, h, w])];
};
