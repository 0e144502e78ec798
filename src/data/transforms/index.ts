export { cropPadded } from "./crop.ts";
export { flipHorizontal } from "./flip.ts";
export { toGrey, toRgb } from "./grey.ts";
export { mixRows, mixShare } from "./mixup.ts";
export { normaliseImage, normaliserOf } from "./normalise.ts";
export { planResize, resizePlanes } from "./resize.ts";
export { blockSizes, invert, shuffleImages, shuffleSources } from "./shuffle.ts";
