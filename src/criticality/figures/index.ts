export { byDepth } from "./by-depth.ts";
export { freeze } from "./freeze.ts";
export { interpolation } from "./interpolation.ts";
export { maps } from "./maps.ts";
export { rewinding } from "./rewinding.ts";
export { rewindPaths } from "./rewind-paths.ts";
export { robustness } from "./robustness.ts";
