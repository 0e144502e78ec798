import type { ByteSource } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";
import { Message, type Span, type Wire } from "./wire.ts";
import * as schema from "./schema.ts";

/** Gives access to a file beside the model by its relative location. @throws {ScopeError} when it is missing or out of bounds */
export type ExternalFiles = (location: string, subject: string) => ByteSource;

/** Where a tensor says that its numbers lie. */
export interface ExternalRange {
  readonly location: string;
  readonly offset: number;
  /** Bytes; absent when the file does not say. */
  readonly length?: number;
}

/**
 * Reads one key and value of an external_data list into `into`.
 * @throws {ScopeError} format, for a key that is given twice or not known
 */
export function decodeExternalEntry(wire: Wire, span: Span, into: Map<string, string>): void {
  let key = "";
  let value = "";
  const m = new Message(wire, span);
  while (m.next()) {
    if (m.field === schema.Entry.key) key = m.text();
    else if (m.field === schema.Entry.value) value = m.text();
  }
  if (into.has(key))
    throw new ScopeError("format", `${wire.where}: external data gives "${key}" twice (byte ${span.start})`);
  into.set(key, value);
}

/**
 * Checks an external_data list. `checksum` is accepted and not verified.
 * @throws {ScopeError} format, naming the tensor, for a location outside the model's folder or a senseless number
 */
export function externalRange(entries: ReadonlyMap<string, string>, subject: string): ExternalRange {
  for (const key of entries.keys()) {
    if (!["location", "offset", "length", "checksum"].includes(key)) {
      throw new ScopeError("unsupported", `${subject}: external data has the unsupported entry "${key}"`);
    }
  }
  const location = entries.get("location") ?? "";
  checkLocation(location, subject);
  const length = entries.get("length");
  return {
    location,
    offset: count(entries.get("offset") ?? "0", "offset", subject),
    ...(length === undefined ? {} : { length: count(length, "length", subject) }),
  };
}

/**
 * Refuses locations that are not plainly inside the model's folder. (Links are checked where files are opened.)
 * @throws {ScopeError} format, naming the tensor
 */
export function checkLocation(location: string, subject: string): void {
  const parts = location.split(/[/\\]/);
  const strange =
    location === "" ||
    location.includes("\0") ||
    /^[a-z]:/i.test(location) ||
    parts[0] === "" ||
    parts.includes("..");
  if (!strange) return;
  throw new ScopeError(
    "format",
    `${subject}: its external data lies at ${JSON.stringify(location)}, only files in the model's own folder are read`,
    {
      hint: "put the data file beside the model",
    },
  );
}

function count(text: string, what: string, subject: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new ScopeError(
      "format",
      `${subject}: the ${what} of its external data must be a whole number of bytes, found ${JSON.stringify(text)}`,
    );
  }
  return value;
}
