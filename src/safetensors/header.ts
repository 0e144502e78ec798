import { ScopeError } from "../base/error.ts";
import { bytesOf, type DType } from "../tensor/tensor.ts";
import { dtypeNames, foreignDtypes } from "./dtypes.ts";

/** 100 MB: the reference implementation's limit. The largest headers in the wild are a few MB. */
export const headerLimit = 100_000_000;

// More dimensions than any framework allows; keeps a hostile shape from costing time.
const rankLimit = 64;

/** Where one tensor lies. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** First byte and the byte after the last, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/** A checked safetensors header: tensors in the order of their bytes, and the free text. */
export interface Header {
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Checks a safetensors header: JSON without repeated names, known types, and tensors that together cover the `dataSize`
 * bytes after the header without holes or overlaps, each exactly as long as its shape and type say.
 * Deviation: unlike the reference reader, unknown fields of a tensor are refused.
 * @param text the header's bytes (JSON, UTF-8), without the eight bytes of its length
 * @param where the file's name, for messages
 * @throws {ScopeError} format, naming file and tensor; unsupported, for an element type that we do not carry
 */
export function decodeHeader(text: Uint8Array, dataSize: number, where: string): Header {
  const header = parse(text, where);
  const entries: TensorEntry[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = metadataOf(value, where);
    else entries.push(entryOf(name, value, `${where}: tensor ${JSON.stringify(name)}`));
  }
  // Equal starts only pass with an empty tensor first; the name decides nothing but keeps the order definite.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end || (a.name < b.name ? -1 : 1));
  checkCover(entries, dataSize, where);
  return { entries, metadata };
}

function parse(bytes: Uint8Array, where: string): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw new ScopeError("format", `${where}: the header is not JSON in UTF-8`, { cause });
  }
  // The format demands "{" as the very first byte; JSON.parse alone would allow white space before it.
  if (!isRecord(header) || !text.startsWith("{"))
    throw new ScopeError("format", `${where}: the header must be a JSON object`);
  refuseRepeatedKeys(text, where);
  return header;
}

/**
 * JSON.parse lets the last of several equal keys win in silence, which two readers could see differently.
 * The text is known to be valid JSON.
 */
function refuseRepeatedKeys(text: string, where: string): void {
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g)) {
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : undefined);
      expectsKey = token === "{";
    } else if (token === "}" || token === "]") {
      open.pop();
      expectsKey = false;
    } else if (token === ",") {
      expectsKey = open.at(-1) !== undefined;
    } else if (expectsKey) {
      const key = JSON.parse(token) as string;
      const keys = open.at(-1)!;
      if (keys.has(key))
        throw new ScopeError("format", `${where}: the header has the name ${JSON.stringify(key)} twice`);
      keys.add(key);
      expectsKey = false;
    }
  }
}

function metadataOf(value: unknown, where: string): Record<string, string> {
  if (!isRecord(value)) throw new ScopeError("format", `${where}: "__metadata__" must be an object of texts`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw new ScopeError(
        "format",
        `${where}: metadata ${JSON.stringify(key)} must be a text, found ${typeof text}`,
      );
    }
  }
  return value as Record<string, string>;
}

function entryOf(name: string, value: unknown, subject: string): TensorEntry {
  if (!isRecord(value))
    throw new ScopeError("format", `${subject} must be an object with dtype, shape and data_offsets`);
  const stray = Object.keys(value).find((key) => !["dtype", "shape", "data_offsets"].includes(key));
  if (stray !== undefined)
    throw new ScopeError("format", `${subject} has an unknown field ${JSON.stringify(stray)}`);
  const dtype = dtypeOf(value["dtype"], subject);
  const shape = shapeOf(value["shape"], subject);
  const [begin, end] = offsetsOf(value["data_offsets"], subject);
  const bytes = shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, bytesOf(dtype));
  if (!Number.isSafeInteger(bytes))
    throw new ScopeError("format", `${subject}: shape [${shape.join(", ")}] is impossibly large`);
  if (bytes !== end - begin) {
    const typed = `${String(value["dtype"])} of shape [${shape.join(", ")}]`;
    throw new ScopeError(
      "format",
      `${subject}: ${typed} needs ${bytes} bytes, its offsets [${begin}, ${end}] span ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function dtypeOf(value: unknown, subject: string): DType {
  if (typeof value !== "string") throw new ScopeError("format", `${subject} has no dtype`);
  if (Object.hasOwn(dtypeNames, value)) return dtypeNames[value as keyof typeof dtypeNames];
  if (foreignDtypes.includes(value)) {
    throw new ScopeError("unsupported", `${subject} has element type ${value}, which is unsupported`, {
      hint: "convert it to F32, F16 or BF16 first",
    });
  }
  throw new ScopeError("format", `${subject} has the unknown dtype ${JSON.stringify(value)}`);
}

function shapeOf(value: unknown, subject: string): number[] {
  if (!Array.isArray(value)) throw new ScopeError("format", `${subject} has no shape`);
  if (value.length > rankLimit)
    throw new ScopeError(
      "format",
      `${subject} has ${value.length} dimensions, at most ${rankLimit} are allowed`,
    );
  return value.map((dim: unknown, i) => {
    if (!isCount(dim))
      throw new ScopeError(
        "format",
        `${subject}: dimension ${i} must be a whole number from 0 on, found ${JSON.stringify(dim)}`,
      );
    return dim;
  });
}

function offsetsOf(value: unknown, subject: string): [number, number] {
  if (!Array.isArray(value) || value.length !== 2)
    throw new ScopeError("format", `${subject}: data_offsets must be a pair of numbers`);
  const [begin, end] = value as [unknown, unknown];
  if (!isCount(begin) || !isCount(end) || end < begin) {
    throw new ScopeError(
      "format",
      `${subject}: data_offsets must be two whole numbers in ascending order, found ${JSON.stringify(value)}`,
    );
  }
  return [begin, end];
}

function checkCover(entries: readonly TensorEntry[], dataSize: number, where: string): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    const subject = `${where}: tensor ${JSON.stringify(name)}`;
    if (end > dataSize)
      throw new ScopeError("format", `${subject} ends at byte ${end} of the data, the file has ${dataSize}`);
    if (begin < covered)
      throw new ScopeError(
        "format",
        `${subject} starts at byte ${begin} of the data and overlaps the tensor before it`,
      );
    if (begin > covered)
      throw new ScopeError(
        "format",
        `${subject} starts at byte ${begin} of the data, which leaves a hole from byte ${covered} on`,
      );
    covered = end;
  }
  if (covered !== dataSize) {
    throw new ScopeError(
      "format",
      `${where}: the tensors end at byte ${covered} of the data, the file has ${dataSize - covered} bytes more`,
    );
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
