// Field numbers of the messages we read and write. Source: onnx.proto of ONNX 1.17 (IR version 10), "onnx-ml" flavour.

export const Model = {
  irVersion: 1,
  producerName: 2,
  graph: 7,
  opsetImport: 8,
  metadataProps: 14,
  trainingInfo: 20,
  functions: 25,
} as const;
export const Graph = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  valueInfo: 13,
  sparseInitializer: 15,
} as const;
export const Node = {
  input: 1,
  output: 2,
  name: 3,
  opType: 4,
  attribute: 5,
  domain: 7,
  overload: 8,
} as const;
export const Attribute = {
  name: 1,
  f: 2,
  i: 3,
  s: 4,
  t: 5,
  g: 6,
  floats: 7,
  ints: 8,
  strings: 9,
  type: 20,
  refAttrName: 21,
} as const;
export const Tensor = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const;
export const ValueInfo = { name: 1, type: 2 } as const;
export const Type = { tensor: 1, sequence: 4, map: 5, opaque: 7, sparseTensor: 8, optional: 9 } as const;
export const TensorType = { elementType: 1, shape: 2 } as const;
export const Shape = { dim: 1 } as const;
export const Dimension = { value: 1, param: 2 } as const;
export const OperatorSet = { domain: 1, version: 2 } as const;
/** StringStringEntryProto: metadata_props and external_data. */
export const Entry = { key: 1, value: 2 } as const;

/** TensorProto.DataType of the element types that we do not carry, by number, for messages. */
export const foreignDataTypes: Readonly<Record<number, string>> = {
  8: "string",
  14: "complex64",
  15: "complex128",
  17: "float8e4m3fn",
  18: "float8e4m3fnuz",
  19: "float8e5m2",
  20: "float8e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4e2m1",
  24: "float8e8m0",
  25: "uint2",
  26: "int2",
};

/** AttributeProto.AttributeType by name. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

/** Attribute types that we do not carry, by number, for messages. */
export const foreignAttributeTypes: Readonly<Record<number, string>> = {
  9: "list of tensors",
  10: "list of graphs",
  11: "sparse tensor",
  12: "list of sparse tensors",
  13: "type",
  14: "list of types",
};

/** Oldest and newest version of ONNX's own operator set that we read and write. */
export const opsetRange = [13, 22] as const;

/** The IR version that belongs to each operator set (ONNX's Versioning.md): the oldest that readers of that set know. */
export const irVersions: Readonly<Record<number, number>> = {
  13: 7,
  14: 7,
  15: 8,
  16: 8,
  17: 8,
  18: 8,
  19: 9,
  20: 9,
  21: 10,
  22: 10,
};

/** A protobuf message cannot be larger: sizes are signed 32-bit numbers in every other implementation. */
export const messageLimit = 2 ** 31 - 1;
