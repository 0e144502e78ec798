// Shape rules of ONNX Runtime's own operators, domain com.microsoft.
export { fusedMatMul as FusedMatMul } from "./matrix.ts";
export { gemm as FusedGemm } from "./matrix.ts";
export { conv as FusedConv } from "./convolution.ts";
export { like as Gelu } from "./elementwise.ts";
export { like as QuickGelu } from "./elementwise.ts";
export { biased as FastGelu } from "./elementwise.ts";
export { biased as BiasGelu } from "./elementwise.ts";
export { skipLayerNormalization as SkipLayerNormalization } from "./normalization.ts";
