import { ScopeError } from "../base/error.ts";

// N: images; K: classes.

/**
 * The logit ensemble: the mean of the members' logits [N, K], summed in float64. It costs one forward pass a member.
 * Source: Wortsman et al. 2022, arXiv:2203.05482, table 3 ("ensemble").
 * @throws {ScopeError} data, without members; shape, when their sizes differ
 */
export function ensembleLogits(members: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(checkedSize(members));
  for (const logits of members) for (let i = 0; i < sum.length; i++) sum[i]! += logits[i]!;
  return Float32Array.from(sum, (value) => value / members.length);
}

/**
 * The ensemble that averages probabilities, as logits [N, K]: log of the members' mean softmax (so a softmax of what is
 * returned is that mean). float64, because probabilities of 1e-40 still count.
 * Source: Lakshminarayanan et al. 2017, arXiv:1612.01474.
 * @throws {ScopeError} data, without members; shape, when their sizes differ
 */
export function ensembleProbabilities(members: readonly Float32Array[], classes: number): Float64Array {
  const size = checkedSize(members);
  const result = new Float64Array(size).fill(-Infinity);
  for (const logits of members) {
    for (let start = 0; start < size; start += classes) {
      const total = logSumExp(logits, start, classes);
      for (let k = start; k < start + classes; k++) result[k] = logAddExp(result[k]!, logits[k]! - total);
    }
  }
  const shift = Math.log(members.length);
  return result.map((value) => value - shift);
}

function logSumExp(z: Float32Array, start: number, count: number): number {
  let top = -Infinity;
  for (let k = start; k < start + count; k++) top = Math.max(top, z[k]!);
  let sum = 0;
  for (let k = start; k < start + count; k++) sum += Math.exp(z[k]! - top);
  return top + Math.log(sum);
}

/** log(eᵃ + eᵇ) without overflow. */
function logAddExp(a: number, b: number): number {
  const top = Math.max(a, b);
  return top === -Infinity ? top : top + Math.log1p(Math.exp(Math.min(a, b) - top));
}

function checkedSize(members: readonly Float32Array[]): number {
  const size = members[0]?.length;
  if (size === undefined) throw new ScopeError("data", "there is no network in the ensemble");
  for (const logits of members) {
    if (logits.length === size) continue;
    throw new ScopeError(
      "shape",
      `members of an ensemble must judge the same images and classes, found ${size} and ${logits.length} logits`,
    );
  }
  return size;
}
