import { bytesUnder } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";
import { constant, type Initializer } from "../graph/graph.ts";
import { dataTypes } from "../graph/data-types.ts";
import { allocate, bytesOf, type DType, type Tensor, type TypedArray, viewBytes } from "../tensor/tensor.ts";
import { decodeExternalEntry, type ExternalFiles, externalRange } from "./external.ts";
import * as schema from "./schema.ts";
import { bigint, Message, type Span, type Wire } from "./wire.ts";

/** Numbers up to this many bytes are read together with the graph, larger ones when they are asked for. */
export const eagerBytes = 64 * 1024;

// More dimensions than any framework allows; keeps a hostile shape from costing time.
const rankLimit = 64;

interface TypedField {
  readonly name: string;
  /** Types whose numbers it may hold. */
  readonly dtypes: readonly DType[];
  /** Bytes of one element; undefined for varints, which have one to ten. */
  readonly width?: 4 | 8;
}

/** The list field that holds the numbers of a type when they are not in raw_data, and how its elements are encoded. */
const typedFields: Readonly<Record<number, TypedField>> = {
  [schema.Tensor.floatData]: { name: "float_data", dtypes: ["float32"], width: 4 },
  [schema.Tensor.doubleData]: { name: "double_data", dtypes: ["float64"], width: 8 },
  [schema.Tensor.int64Data]: { name: "int64_data", dtypes: ["int64"] },
  [schema.Tensor.uint64Data]: { name: "uint64_data", dtypes: ["uint64", "uint32"] },
  [schema.Tensor.stringData]: { name: "string_data", dtypes: [] },
  [schema.Tensor.int32Data]: {
    name: "int32_data",
    dtypes: ["int32", "int16", "int8", "uint16", "uint8", "bool", "float16", "bfloat16"],
  },
};

/** Smallest and largest value of the types that int32_data and uint64_data hold in a wider type. */
const ranges: Partial<Record<DType, readonly [number, number]>> = {
  int16: [-0x8000, 0x7fff],
  int8: [-0x80, 0x7f],
  uint16: [0, 0xffff],
  uint8: [0, 0xff],
  bool: [0, 1],
  float16: [0, 0xffff],
  bfloat16: [0, 0xffff],
};

const dtypesByCode = new Map<number, DType>(
  Object.entries(dataTypes).map(([name, code]) => [code, name as DType]),
);

/**
 * The element type of a TensorProto.DataType.
 * @throws {ScopeError} unsupported for types that we do not carry, format for numbers that mean nothing
 */
export function dtypeOfCode(code: number, subject: string): DType {
  const dtype = dtypesByCode.get(code);
  if (dtype !== undefined) return dtype;
  const foreign = schema.foreignDataTypes[code];
  if (foreign !== undefined)
    throw new ScopeError("unsupported", `${subject} has element type ${foreign}, which is unsupported`);
  throw new ScopeError(
    "format",
    `${subject} has ${code === 0 ? "no element type" : `the unknown element type ${code}`}`,
  );
}

/** A TensorProto after one walk over its fields: everything but the numbers, which were only measured. */
interface Scan {
  readonly name: string;
  readonly dims: readonly number[];
  readonly code: number;
  /** raw_data, unless it is empty. */
  readonly raw: Span | undefined;
  /** The list field that holds numbers, unless it is empty. */
  readonly typed: Measured | undefined;
  readonly external: ReadonlyMap<string, string> | undefined;
}

interface Measured {
  readonly field: number;
  /** Fewest and most elements it can have: equal unless it holds varints. */
  readonly fewest: number;
  readonly most: number;
}

/**
 * Reads a TensorProto. Shape and type are checked against the bytes that are there before anything is allocated; the
 * numbers are read by `load` (at once, when they are few and in the model file).
 * @param role what the tensor is, for messages; its name is added when it has one
 * @throws {ScopeError} format or unsupported, naming the tensor
 */
export function decodeTensor(wire: Wire, span: Span, files: ExternalFiles, role: string): Initializer {
  const { name, dims: shape, code, raw, typed, external } = scanTensor(wire, span, role);
  const subject = `${wire.where}: ${role}${name === "" ? "" : ` "${name}"`}`;
  const dtype = dtypeOfCode(code, subject);
  const count = checkedSize(shape, bytesOf(dtype), subject);
  const bytes = count * bytesOf(dtype);
  const make = (data: TypedArray): Tensor => ({ dtype, shape, data });
  const needs = `${subject} has shape [${shape.join(", ")}] of ${dtype}`;

  if ([raw, typed, external].filter((place) => place !== undefined).length > 1) {
    throw new ScopeError("format", `${subject} stores its numbers in two places`);
  }
  if (external !== undefined) {
    const read = externalReader(external, bytes, files, subject, needs);
    return { name, dtype, shape, load: () => make(viewBytes(dtype, read())) };
  }
  let load = (): Tensor => make(allocate(dtype, 0));
  if (raw !== undefined) {
    const { start, end } = raw;
    if (end - start !== bytes)
      throw new ScopeError("format", `${needs}, which needs ${bytes} bytes; its raw_data has ${end - start}`);
    load = () => make(viewBytes(dtype, wire.source.read(start, bytes)));
  } else if (typed !== undefined) {
    checkTyped(typed, dtype, count, subject, needs);
    load = () => make(readTyped(wire, span, typed.field, dtype, count, subject));
  } else if (count > 0) {
    throw new ScopeError("format", `${needs}, which needs ${bytes} bytes; it has no data at all`);
  }
  return bytes <= eagerBytes ? constant(name, load()) : { name, dtype, shape, load };
}

function scanTensor(wire: Wire, span: Span, role: string): Scan {
  let name = "";
  let code = 0;
  let raw: Span | undefined;
  let typed: Measured | undefined;
  let isExternal = false;
  const dims: number[] = [];
  const external = new Map<string, string>();
  const m = new Message(wire, span);
  while (m.next()) {
    switch (m.field) {
      case schema.Tensor.dims:
        m.ints(dims);
        break;
      case schema.Tensor.dataType:
        code = m.int();
        break;
      case schema.Tensor.name:
        name = m.text();
        break;
      case schema.Tensor.rawData:
        raw = m.bytes();
        if (raw.end === raw.start) raw = undefined;
        break;
      case schema.Tensor.segment:
        throw new ScopeError(
          "unsupported",
          `${wire.where}: ${role} at byte ${span.start} is stored in segments, which is unsupported`,
        );
      case schema.Tensor.externalData:
        decodeExternalEntry(wire, m.bytes(), external);
        break;
      case schema.Tensor.dataLocation:
        isExternal = m.int() === 1;
        break;
      default:
        typed = measure(wire, m, typed);
    }
  }
  return { name, dims, code, raw, typed, external: isExternal ? external : undefined };
}

/** Adds the list field that `m` stands at to what was measured so far. Other fields (doc strings) are passed over. */
function measure(wire: Wire, m: Message, before: Measured | undefined): Measured | undefined {
  const kind = typedFields[m.field];
  const length = m.span.end - m.span.start;
  if (kind === undefined || (m.type === 2 && length === 0)) return before;
  if (before !== undefined && before.field !== m.field) {
    throw wire.damaged(
      m.span.start,
      `a tensor has numbers in ${typedFields[before.field]!.name} and in ${kind.name}`,
    );
  }
  let fewest = 1;
  let most = 1;
  if (m.type === 2 && kind.name !== "string_data") {
    if (kind.width !== undefined && length % kind.width !== 0)
      throw wire.damaged(m.span.start, `${kind.name} is cut short`);
    fewest = kind.width === undefined ? Math.ceil(length / 10) : length / kind.width;
    most = kind.width === undefined ? length : fewest;
  }
  return { field: m.field, fewest: fewest + (before?.fewest ?? 0), most: most + (before?.most ?? 0) };
}

/** The number of elements of a shape that can be believed: sizes from 0 on, and a product that is exact. */
function checkedSize(shape: readonly number[], width: number, subject: string): number {
  if (shape.length > rankLimit)
    throw new ScopeError(
      "format",
      `${subject} has ${shape.length} dimensions, at most ${rankLimit} are allowed`,
    );
  const text = `[${shape.join(", ")}]`;
  // Zeros are left out: a shape such as [0, 2^62, 2^62] must not pass just because its product is 0.
  let product = width;
  for (const dim of shape) {
    if (dim < 0) throw new ScopeError("format", `${subject} has shape ${text}: a size cannot be negative`);
    if (dim > 0) product *= dim;
  }
  if (!Number.isSafeInteger(product))
    throw new ScopeError("format", `${subject} has shape ${text}, which is impossibly large`);
  return shape.includes(0) ? 0 : product / width;
}

function checkTyped(
  { field, fewest, most }: Measured,
  dtype: DType,
  count: number,
  subject: string,
  needs: string,
): void {
  const { name, dtypes } = typedFields[field]!;
  if (!dtypes.includes(dtype))
    throw new ScopeError("format", `${subject} is of type ${dtype}, but its numbers are in ${name}`);
  if (count >= fewest && count <= most) return;
  throw new ScopeError(
    "format",
    `${needs}, which needs ${count} numbers; its ${name} has ${fewest === most ? fewest : `at ${count < fewest ? `least ${fewest}` : `most ${most}`}`}`,
  );
}

/** Reads the list field `field` of the TensorProto at `span`, in packed and unpacked form. */
function readTyped(
  wire: Wire,
  span: Span,
  field: number,
  dtype: DType,
  count: number,
  subject: string,
): TypedArray {
  const { name, width } = typedFields[field]!;
  const out = allocate(dtype, count);
  const range = ranges[dtype];
  let filled = 0;
  const put = (low: number, high: number): void => {
    if (filled < count) {
      if (out instanceof BigInt64Array || out instanceof BigUint64Array) out[filled] = bigint(low, high);
      else out[filled] = low;
      if (range !== undefined && (low < range[0] || low > range[1])) {
        throw new ScopeError(
          "format",
          `${subject}: number ${filled} of its ${name} is ${low}, which is no ${dtype}`,
        );
      }
    }
    filled++;
  };
  const m = new Message(wire, span);
  while (m.next()) {
    if (m.field !== field) continue;
    if (width !== undefined) {
      const { start, end } = m.span;
      if (filled + (end - start) / width <= count) {
        bytesUnder(out).set(wire.source.read(start, end - start), filled * width);
      }
      filled += (end - start) / width;
    } else if (m.type === 2) {
      wire.varints(m.span, put);
    } else {
      const { low, high } = m.halves();
      put(low, high);
    }
  }
  if (filled !== count)
    throw new ScopeError("format", `${subject} needs ${count} numbers; its ${name} has ${filled}`);
  return out;
}

/** Checks where a tensor's external numbers lie; returns what reads them. */
function externalReader(
  entries: ReadonlyMap<string, string>,
  bytes: number,
  files: ExternalFiles,
  subject: string,
  needs: string,
): () => Uint8Array {
  const { location, offset, length } = externalRange(entries, subject);
  if (length !== undefined && length !== bytes) {
    throw new ScopeError("format", `${needs}, which needs ${bytes} bytes; its external data has ${length}`);
  }
  const source = files(location, subject);
  if (offset + bytes > source.size) {
    throw new ScopeError(
      "format",
      `${subject}: its numbers end at byte ${offset + bytes} of "${location}", that file has ${source.size}`,
    );
  }
  return () => {
    const read = source.read(offset, bytes);
    if (read.byteLength === bytes) return read;
    throw new ScopeError(
      "io",
      `${subject}: ${bytes} bytes were asked of "${location}", ${read.byteLength} came`,
    );
  };
}
