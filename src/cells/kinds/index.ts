export { trainCell as train } from "./train.node.ts";
