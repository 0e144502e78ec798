import { ScopeError } from "../base/error.ts";

/** How far networks moved from where they all started, and how alike the directions are. */
export interface TaskVectors {
  /** ‖θ_i − θ_0‖₂. */
  readonly norms: readonly number[];
  /** Cosine of the angle between θ_i − θ_0 and θ_j − θ_0, in [−1, 1]; null where one of them did not move. */
  readonly cosines: readonly (readonly (number | null)[])[];
}

/**
 * Norms and angles of the task vectors θ_i − θ_0 of networks `vectors` [P] fine-tuned from `base` [P], in float64. Give
 * trainable parameters only: running statistics are no directions of training.
 *
 * What averaging gains over the best member goes with angles near 90°: members that moved alike have little to add.
 * Source: Wortsman et al. 2022, arXiv:2203.05482, section 4; Ilharco et al. 2022, arXiv:2212.04089 (task vectors).
 * Cost: P · n² / 2 multiply-adds for n networks.
 * @throws {ScopeError} shape, when sizes differ
 */
export function angles(vectors: readonly Float32Array[], base: Float32Array): TaskVectors {
  for (const vector of vectors) {
    if (vector.length === base.length) continue;
    throw new ScopeError(
      "shape",
      `the network all start from has ${base.length} weights, one that was fine-tuned has ${vector.length}`,
    );
  }
  const product = (a: Float32Array, b: Float32Array): number => {
    let sum = 0;
    for (let i = 0; i < base.length; i++) sum += (a[i]! - base[i]!) * (b[i]! - base[i]!);
    return sum;
  };
  const norms = vectors.map((vector) => Math.sqrt(product(vector, vector)));
  const cosines: (number | null)[][] = vectors.map(() => []);
  vectors.forEach((a, i) => {
    for (let j = 0; j <= i; j++) {
      const length = norms[i]! * norms[j]!;
      // Rounding must not lead out of what acos takes; a direction is exactly its own.
      const cosine = i === j ? 1 : Math.max(-1, Math.min(1, product(a, vectors[j]!) / length));
      cosines[i]![j] = length === 0 ? null : cosine;
      cosines[j]![i] = length === 0 ? null : cosine;
    }
  });
  return { norms, cosines };
}
