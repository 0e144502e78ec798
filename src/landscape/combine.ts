import { ScopeError } from "../base/error.ts";

// Sums are made in pieces that stay in the processor's first cache.
const piece = 2048;

/**
 * into = Σ c_i basis_i, summed in double precision and rounded once to float32. With one coefficient 1 and the others 0
 * it is that basis vector bit for bit; vectors with coefficient 0 are not looked at.
 * @throws {ScopeError} shape, when sizes or counts differ
 */
export function combine(
  basis: readonly Float32Array[],
  coefficients: readonly number[],
  into: Float32Array,
): Float32Array {
  if (coefficients.length !== basis.length) {
    throw new ScopeError(
      "shape",
      `a point of ${basis.length} weight vectors needs as many coefficients, got ${coefficients.length}`,
    );
  }
  for (const vector of basis) {
    if (vector.length === into.length) continue;
    throw new ScopeError(
      "shape",
      `weight vectors of one network have one size, got ${vector.length} and ${into.length} numbers`,
    );
  }
  const used = basis.flatMap((vector, i) =>
    coefficients[i] === 0 ? [] : [{ vector, factor: coefficients[i]! }],
  );
  if (used.length === 1 && used[0]!.factor === 1) {
    into.set(used[0]!.vector);
    return into;
  }
  const sums = new Float64Array(Math.min(piece, into.length));
  for (let from = 0; from < into.length; from += piece) {
    const count = Math.min(piece, into.length - from);
    sums.fill(0);
    for (const { vector, factor } of used) {
      for (let i = 0; i < count; i++) sums[i]! += factor * vector[from + i]!;
    }
    for (let i = 0; i < count; i++) into[from + i] = sums[i]!;
  }
  return into;
}
