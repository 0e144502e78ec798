/**
 * The line of WiSE-FT as coefficients [1 − α, α] of (first network, second network) at α = 0, 1/(n−1), …, 1: the first is
 * what was fine-tuned (zero-shot or pretrained), the second the fine-tuned. At both ends the coefficients are exactly 0
 * and 1, so that `combine` gives the networks themselves; ½ is exact where it is on the grid.
 * Source: Wortsman et al. 2021, arXiv:2109.01903, equation 1; its grid has 11 points, and α = ½ is its recommendation
 * without knowledge of the shifted data.
 */
export function wiseCurve(points = 11): { readonly at: number; readonly coefficients: [number, number] }[] {
  const last = points - 1;
  return Array.from({ length: points }, (_, i) => ({
    at: i / last,
    coefficients: [(last - i) / last, i / last],
  }));
}
