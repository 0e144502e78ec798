import { cast as castTo } from "../pieces.ts";
import type { GradientRule } from "../rule.ts";

/** x in another floating-point type (Cast, CastLike); dx is dy in the type of x. All of one shape. */
export const cast: GradientRule = ({ x: [x = ""], dy: [dy = ""], g }) => [castTo(g, dy, g.dtype(x))];
