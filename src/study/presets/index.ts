export { clipart } from "./clipart.ts";
export { emoji } from "./emoji.ts";
export { synthetic } from "./synthetic.ts";
export { vehicles } from "./vehicles.ts";
