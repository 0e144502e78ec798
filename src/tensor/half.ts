// One float32 seen as its 32 bits.
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The float32 with the value of an IEEE 754 binary16 given as its 16 bits. Exact: every binary16 is a float32, and NaNs
 * keep their payload (made quiet by the processor's rules, if at all).
 */
export function fromFloat16(half: number): number {
  bits[0] = widenFloat16(half);
  return float[0]!;
}

function widenFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: fraction × 2^-24 = 1.f × 2^(-24 + place of the leading one).
  const place = 31 - Math.clz32(fraction);
  return sign | ((place + 103) << 23) | ((fraction << (23 - place)) & 0x7fffff);
}

/** The 16 bits of the IEEE 754 binary16 nearest to `value` taken as a float32; ties go to even, overflow to infinity. */
export function toFloat16(value: number): number {
  float[0] = value;
  return narrowFloat16(bits[0]!);
}

function narrowFloat16(single: number): number {
  const sign = (single >>> 16) & 0x8000;
  const magnitude = single & 0x7fffffff;
  // NaN: the upper payload bits are kept, and one is set so that it cannot turn into infinity.
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  // From 65520 on (halfway between the largest binary16 and the next power of two) it rounds to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Normal: the bias changes by 112 and 13 bits are rounded off; a carry runs into the exponent, as it should.
  if (magnitude >= 0x38800000)
    return sign | ((magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Up to half of the smallest subnormal (2^-25), a tie included, it rounds to zero.
  if (magnitude <= 0x33000000) return sign;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** The float32 whose upper 16 bits are `half` (bfloat16). Exact. */
export function fromBFloat16(half: number): number {
  bits[0] = half << 16;
  return float[0]!;
}

/** The 16 bits of the bfloat16 nearest to `value` taken as a float32; ties go to even, overflow to infinity. */
export function toBFloat16(value: number): number {
  float[0] = value;
  return narrowBFloat16(bits[0]!);
}

function narrowBFloat16(single: number): number {
  if ((single & 0x7fffffff) > 0x7f800000) return (single >>> 16) | 0x40;
  return (single + 0x7fff + ((single >>> 16) & 1)) >>> 16;
}

/** float16 (raw bits) to float32, element by element. Exact, NaN payloads included. */
export function decodeFloat16(halves: Uint16Array): Float32Array {
  const out = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = widenFloat16(halves[i]!);
  return new Float32Array(out.buffer);
}

/** float32 to float16 (raw bits), rounding to nearest, ties to even. */
export function encodeFloat16(values: Float32Array): Uint16Array {
  const singles = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(singles, narrowFloat16);
}

/** bfloat16 (raw bits) to float32, element by element. Exact, NaN payloads included. */
export function decodeBFloat16(halves: Uint16Array): Float32Array {
  const out = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = halves[i]! << 16;
  return new Float32Array(out.buffer);
}

/** float32 to bfloat16 (raw bits), rounding to nearest, ties to even. */
export function encodeBFloat16(values: Float32Array): Uint16Array {
  const singles = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(singles, narrowBFloat16);
}
