import type { GradientRule } from "../rule.ts";

/** x spread to a shape; dx = Σ of dy over the spread axes, which the driver takes. */
export const expand: GradientRule = ({ dy: [dy = ""] }) => [dy];
