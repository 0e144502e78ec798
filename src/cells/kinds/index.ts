export { alignCell as align } from "./align.node.ts";
export { averageCell as average } from "./average.node.ts";
export { curveCell as curve } from "./curve.node.ts";
export { importCell as import } from "./import.node.ts";
export { logitsCell as logits } from "./logits.node.ts";
export { pointsCell as points } from "./points.node.ts";
export { trainCell as train } from "./train.node.ts";
