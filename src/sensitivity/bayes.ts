import { ScopeError } from "../base/error.ts";

/**
 * What PAC-Bayes makes of a criticality: with probability 1 − δ over the training images, the expected error of the noisy
 * network exceeds its training error by at most
 *
 *   √( (KL + ln(2√m / δ)) / (2m) ),   KL = μ / 2.
 *
 * From kl(training ‖ expected) ≤ (KL + ln(2√m / δ)) / m (Maurer 2004, arXiv:cs/0411099, for m ≥ 8; a sharper constant than
 * McAllester's 1999) and Pinsker's inequality, kl ≥ 2 · difference². May exceed 1, and then says nothing.
 *
 * Limit: the theorem wants α, σ and the prior's centre chosen before the images were seen. Here they were chosen by them, and
 * from a finite number of places; a union bound over places would add ln(places) per module to KL. Read it as the size that
 * the argument gives, not as a guarantee. It also bounds the noisy network, which is up to ε worse than the final one.
 *
 * @param mu sum over modules, ≥ 0; Infinity gives Infinity
 * @param images training images m, at least 1
 * @throws {ScopeError} bug, when a number is out of its range
 */
export function pacBayesGap({
  mu,
  images,
  delta,
}: {
  readonly mu: number;
  readonly images: number;
  readonly delta: number;
}): number {
  if (!(mu >= 0 && images >= 1 && delta > 0 && delta < 1)) {
    throw new ScopeError(
      "bug",
      `internal: PAC-Bayes gap expected μ ≥ 0, images ≥ 1 and δ in (0, 1), got ${mu}, ${images}, ${delta}`,
    );
  }
  return Math.sqrt((mu / 2 + Math.log((2 * Math.sqrt(images)) / delta)) / (2 * images));
}
