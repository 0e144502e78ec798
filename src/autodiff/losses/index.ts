export { binaryCrossEntropy as "binary-cross-entropy" } from "./binary-cross-entropy.ts";
export { meanSquaredError as "mean-squared-error" } from "./mean-squared-error.ts";
export { softmaxCrossEntropy as "softmax-cross-entropy" } from "./softmax-cross-entropy.ts";
