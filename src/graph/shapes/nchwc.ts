// Shape rules of ONNX Runtime's operators on blocked layout, domain com.microsoft.nchwc (see graph/blocked.ts).
export { blockedConvShape as Conv } from "./blocked.ts";
export { reorderInputShape as ReorderInput } from "./blocked.ts";
export { reorderOutputShape as ReorderOutput } from "./blocked.ts";
