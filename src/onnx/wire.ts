import protobuf from "protobufjs/minimal.js";
import type { ByteSource } from "../base/bytes.ts";
import { ScopeError } from "../base/error.ts";

/** A range of bytes: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

// Enough for most nodes and tensor headers at once, little enough that skipping over weights reads almost none of them.
const windowSize = 16 * 1024;

// A varint has at most ten bytes.
const varintBytes = 10;

// Names and metadata are short; a longer text is a lie or of no use.
const textLimit = 64 * 2 ** 20;

/**
 * Protobuf read from a source of bytes through a small window: what is skipped is never read. protobufjs does the
 * decoding within the window.
 */
export class Wire {
  readonly source: ByteSource;
  /** The file's name, for messages. */
  readonly where: string;
  #reader = new protobuf.Reader(new Uint8Array(0));
  #base = 0;

  constructor(source: ByteSource, where: string) {
    this.source = source;
    this.where = where;
  }

  /** A damaged place in the file. */
  damaged(position: number, problem: string): ScopeError {
    return new ScopeError(
      "format",
      `${this.where}: damaged, or not an ONNX model: at byte ${position} ${problem}`,
    );
  }

  /** The window's reader, standing at `position`, with at least a varint's worth of bytes ahead where `end` allows. */
  #at(position: number, end: number): protobuf.Reader {
    const needed = Math.min(end, position + varintBytes);
    if (position < this.#base || needed > this.#base + this.#reader.len) {
      const length = Math.min(windowSize, this.source.size - position);
      this.#reader = new protobuf.Reader(this.source.read(position, length));
      this.#base = position;
    }
    this.#reader.pos = position - this.#base;
    return this.#reader;
  }

  /** Where the reader stands in the source. */
  get position(): number {
    return this.#base + this.#reader.pos;
  }

  /** UTF-8 text. @throws {ScopeError} format, when it is no UTF-8 or absurdly long */
  text({ start, end }: Span): string {
    if (end - start > textLimit)
      throw this.damaged(start, `a text has ${end - start} bytes, at most ${textLimit} are allowed`);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        this.source.read(start, end - start),
      );
    } catch (cause) {
      if (cause instanceof ScopeError) throw cause;
      throw this.damaged(start, "a text is not UTF-8");
    }
  }

  /** Calls `each` with the low and high 32 bits of every varint of a packed field. */
  varints({ start, end }: Span, each: (low: number, high: number) => void): void {
    let position = start;
    while (position < end) {
      const { low, high } = this.varint(position, end);
      each(low, high);
      position = this.position;
    }
  }

  /** The varint at `position`, as two signed 32-bit halves. @throws {ScopeError} format, when it does not end before `end` */
  varint(position: number, end: number): { low: number; high: number } {
    try {
      const value = this.#at(position, end).int64();
      if (this.position <= end) return value;
    } catch (cause) {
      if (cause instanceof ScopeError) throw cause;
    }
    throw this.damaged(position, "a number is cut short or too long");
  }
}

/** Walks the fields of one protobuf message. `next` moves on; the accessors read the field it stands at. */
export class Message {
  /** Number of the current field. */
  field = 0;
  /** Wire type of the current field: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  type = 0;
  /** The current field's content, without its tag and length. */
  span: Span = { start: 0, end: 0 };
  readonly #wire: Wire;
  readonly #end: number;
  #position: number;
  #value = { low: 0, high: 0 };

  constructor(wire: Wire, span: Span) {
    this.#wire = wire;
    this.#position = span.start;
    this.#end = span.end;
  }

  /** Goes to the next field. False at the end. @throws {ScopeError} format, when the bytes are no protobuf */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    const wire = this.#wire;
    const at = this.#position;
    const tag = wire.varint(at, this.#end);
    this.field = tag.low >>> 3;
    this.type = tag.low & 7;
    if (tag.high !== 0 || this.field === 0) throw wire.damaged(at, "there is no valid field");
    let start = wire.position;
    let end: number;
    if (this.type === 0) {
      this.#value = wire.varint(start, this.#end);
      end = wire.position;
    } else if (this.type === 1) {
      end = start + 8;
    } else if (this.type === 5) {
      end = start + 4;
    } else if (this.type === 2) {
      const length = wire.varint(start, this.#end);
      if (length.high !== 0 || length.low < 0)
        throw wire.damaged(at, `field ${this.field} has an impossible length`);
      start = wire.position;
      end = start + length.low;
    } else {
      throw wire.damaged(at, `field ${this.field} has the unknown wire type ${this.type}`);
    }
    if (end > this.#end) {
      const limit = this.#end === wire.source.size ? "the file ends" : "what it belongs to ends";
      throw wire.damaged(at, `field ${this.field} goes on to byte ${end}, but ${limit} at byte ${this.#end}`);
    }
    this.span = { start, end };
    this.#position = end;
    return true;
  }

  /** The field as a message or bytes. @throws {ScopeError} format, when it is not length-delimited */
  bytes(): Span {
    this.#expect(2);
    return this.span;
  }

  /** The field as a message to walk. */
  message(): Message {
    return new Message(this.#wire, this.bytes());
  }

  /** The field as UTF-8 text. */
  text(): string {
    return this.#wire.text(this.bytes());
  }

  /** The field as an int64, when a number holds it exactly (the largest int64 becomes 2^63). */
  int(): number {
    this.#expect(0);
    const { low, high } = this.#value;
    return this.#exact(low, high);
  }

  /** The field as a float32. */
  float(): number {
    this.#expect(5);
    return viewOf(this.#wire, this.span).getFloat32(0, true);
  }

  /** Appends the field, a repeated int64 in either encoding, to `out`. */
  ints(out: number[]): void {
    if (this.type !== 2) out.push(this.int());
    else this.#wire.varints(this.span, (low, high) => out.push(this.#exact(low, high)));
  }

  /** Appends the field, a repeated float in either encoding, to `out`. */
  floats(out: number[]): void {
    if (this.type !== 2) {
      out.push(this.float());
      return;
    }
    const view = viewOf(this.#wire, this.span);
    if (view.byteLength % 4 !== 0) throw this.#wire.damaged(this.span.start, "a list of floats is cut short");
    for (let i = 0; i < view.byteLength; i += 4) out.push(view.getFloat32(i, true));
  }

  /** The low and high halves of the current varint. */
  halves(): { low: number; high: number } {
    this.#expect(0);
    return this.#value;
  }

  #exact(low: number, high: number): number {
    const value = high * 2 ** 32 + (low >>> 0);
    if (Number.isSafeInteger(value)) return value;
    if (BigInt(value) === bigint(low, high) || (low === -1 && high === 0x7fffffff)) return value;
    throw new ScopeError(
      "unsupported",
      `${this.#wire.where}: the integer ${bigint(low, high)} (byte ${this.span.start}) is unsupported: it needs more than 53 bits`,
    );
  }

  #expect(type: number): void {
    if (this.type === type) return;
    throw this.#wire.damaged(
      this.span.start,
      `field ${this.field} has wire type ${this.type} instead of ${type}`,
    );
  }
}

/** The int64 of two 32-bit halves. */
export function bigint(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function viewOf(wire: Wire, { start, end }: Span): DataView {
  const bytes = wire.source.read(start, end - start);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
