import type { DType } from "../tensor/tensor.ts";

/**
 * Our element types by their safetensors names, in the order in which the reference implementation writes tensors: wide
 * types first, so that every tensor starts at a multiple of its element size.
 */
export const dtypeNames = {
  U64: "uint64",
  I64: "int64",
  F64: "float64",
  F32: "float32",
  U32: "uint32",
  I32: "int32",
  BF16: "bfloat16",
  F16: "float16",
  U16: "uint16",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
} as const satisfies Record<string, DType>;

/** The safetensors name of an element type. */
export function dtypeName(dtype: DType): string {
  return Object.entries(dtypeNames).find(([, ours]) => ours === dtype)![0];
}

/** Names the format knows and we do not carry. */
export const foreignDtypes: readonly string[] = [
  "F4",
  "F6_E2M3",
  "F6_E3M2",
  "F8_E5M2",
  "F8_E4M3",
  "F8_E8M0",
  "F8_E5M2FNUZ",
  "F8_E4M3FNUZ",
  "C64",
];
