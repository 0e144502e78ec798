import type { GradientRule } from "../rule.ts";

/** The same numbers in another shape (Reshape, Flatten, Squeeze, Unsqueeze); dx is dy in the shape of x. */
export const reshape: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [g.reshape(dy, g.shape(x))];
