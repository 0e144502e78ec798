export { matrix } from "./matrix.ts";
export { paths } from "./paths.ts";
export { plane } from "./plane.ts";
