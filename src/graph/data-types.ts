import type { DType } from "../tensor/tensor.ts";

/** ONNX's numbers (TensorProto.DataType) of the element types that we carry: in files, and as the `to` of Cast. */
export const dataTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};
