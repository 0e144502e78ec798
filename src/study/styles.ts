import type { SeriesStyle } from "../figure/draw.ts";
import { armLabel } from "./format.ts";
import type { Arm } from "./plan.ts";

/** How the two arms look in every figure. */
export const armStyles: Readonly<Record<Arm, SeriesStyle>> = {
  pretrained: { key: "pretrained", label: armLabel("pretrained"), color: "blue", shape: "circle" },
  scratch: { key: "scratch", label: armLabel("scratch"), color: "vermillion", shape: "square2", dash: "5,3" },
};

/** The arms in the order in which they are drawn and named. */
export const armOrder = ["pretrained", "scratch"] as const satisfies readonly Arm[];
