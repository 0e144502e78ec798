import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeBFloat16,
  decodeFloat16,
  encodeBFloat16,
  encodeFloat16,
  fromBFloat16,
  fromFloat16,
  toBFloat16,
  toFloat16,
} from "./half.ts";

const every = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const isNaN16 = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;
const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer);

test("known float16 patterns have their values", () => {
  const patterns = [0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00];
  const values = [1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, Infinity, -Infinity];
  expect(patterns.map(fromFloat16)).toEqual(values);
  expect(values.map(toFloat16)).toEqual(patterns);
  expect(Object.is(fromFloat16(0x8000), -0)).toBe(true);
  expect(fromFloat16(0x7e00)).toBeNaN();
});

test("every float16 and every bfloat16 survives the way through float32 and back", () => {
  expect(
    encodeFloat16(decodeFloat16(every)).every(
      (bits, i) => bits === i || (isNaN16(i) && bits === (i | 0x200)),
    ),
  ).toBe(true);
  const isNaNB = (bits: number): boolean => (bits & 0x7fff) > 0x7f80;
  expect(
    encodeBFloat16(decodeBFloat16(every)).every(
      (bits, i) => bits === i || (isNaNB(i) && bits === (i | 0x40)),
    ),
  ).toBe(true);
});

test("bulk and single conversions agree bit for bit, except that NaN payloads have no single form", () => {
  const singles = Float32Array.from(every, fromFloat16);
  const bulk = decodeFloat16(every);
  expect(bitsOf(bulk).every((bits, i) => bits === bitsOf(singles)[i] || isNaN16(i))).toBe(true);
  expect(Array.from([1.1, -3, 1e-7], toBFloat16)).toEqual([
    ...encodeBFloat16(Float32Array.of(1.1, -3, 1e-7)),
  ]);
  expect(fromBFloat16(0x3f80)).toBe(1);
});

test("rounding is to the nearest value, a tie to the even one (law, any float32)", () => {
  const single = fc.float({ noNaN: true });
  const nearest = (
    value: number,
    narrow: (v: number) => number,
    widen: (bits: number) => number,
    largest: number,
  ): void => {
    const bits = narrow(value);
    const rounded = widen(bits);
    if (!Number.isFinite(rounded)) {
      expect(Math.abs(value)).toBeGreaterThanOrEqual(largest);
      return;
    }
    const distance = Math.abs(rounded - value);
    for (const neighbour of [bits - 1, bits + 1]) {
      if (((neighbour ^ bits) & 0x8000) !== 0 || !Number.isFinite(widen(neighbour))) continue;
      const other = Math.abs(widen(neighbour) - value);
      expect(distance < other || (distance === other && (bits & 1) === 0)).toBe(true);
    }
  };
  fc.assert(
    fc.property(single, (value) => {
      nearest(value, toFloat16, fromFloat16, 65520);
      nearest(value, toBFloat16, fromBFloat16, (2 - 2 ** -8) * 2 ** 127);
    }),
    { numRuns: 2000 },
  );
});

test("NaN never turns into infinity, whatever its payload", () => {
  const nans = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001, 0x7fc00000, 0x7fffffff).buffer);
  expect([...encodeFloat16(nans)].every(isNaN16)).toBe(true);
  expect([...encodeBFloat16(nans)].every((bits) => (bits & 0x7fff) > 0x7f80)).toBe(true);
});
