/** Protobuf by hand, so that files can lie in ways no library would write. */

/** A varint of any size up to 64 bits. */
export function varint(value: number | bigint): Uint8Array {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

/** A field with an integer. */
export function int(field: number, value: number | bigint): Uint8Array {
  return join(varint(field << 3), varint(value));
}

/** A field with a message, bytes or text. */
export function part(field: number, ...content: (Uint8Array | string)[]): Uint8Array {
  const bytes = join(
    ...content.map((piece) => (typeof piece === "string" ? new TextEncoder().encode(piece) : piece)),
  );
  return join(varint((field << 3) | 2), varint(bytes.byteLength), bytes);
}

/** A field that claims to have `length` bytes, whatever follows. */
export function claim(field: number, length: number | bigint): Uint8Array {
  return join(varint((field << 3) | 2), varint(length));
}

export function join(...pieces: Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}
