/**
 * Multiply–adds of a forward pass that one thread does in a second, by which the time of cells is estimated before any
 * has run (measured: a ResNet-20 on one core of a Xeon with AVX-512). What finished cells took corrects it.
 */
export const multiplyAddsPerSecond = 4e10;

/** Multiply–adds of a network for one image where nobody said: a small ResNet's. */
export const usualMultiplyAdds = 2e7;
