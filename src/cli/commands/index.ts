export { study } from "./study.node.ts";
