import type { SeriesStyle } from "../../figure/draw.ts";
import type { Split } from "../results.ts";

/** How the two splits look where both are shown. */
export const splitStyles: Readonly<Record<Split, SeriesStyle>> = {
  train: { key: "train", label: "training images", color: "vermillion", shape: "square2", dash: "5,3" },
  test: { key: "test", label: "test images", color: "blue", shape: "circle" },
};
