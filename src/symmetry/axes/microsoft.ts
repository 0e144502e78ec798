// The same for ONNX Runtime's own operators, domain com.microsoft.
export { fusedMatMul as FusedMatMul } from "./matrix.ts";
export { gemm as FusedGemm } from "./matrix.ts";
export { conv as FusedConv } from "./convolution.ts";
export { elementwise as Gelu } from "./elementwise.ts";
export { elementwise as QuickGelu } from "./elementwise.ts";
export { elementwise as FastGelu } from "./elementwise.ts";
export { elementwise as BiasGelu } from "./elementwise.ts";
export { skipLayerNormalization as SkipLayerNormalization } from "./normalization.ts";
