export { barrier } from "./barrier.node.ts";
export { data } from "./data.node.ts";
export { evaluate } from "./eval.node.ts";
export { instability } from "./instability.node.ts";
export { runs } from "./runs.node.ts";
export { schema } from "./schema.ts";
export { study } from "./study.node.ts";
export { train } from "./train.node.ts";
