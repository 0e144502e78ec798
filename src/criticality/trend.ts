/**
 * Probability that a random order of n things (all orders alike, no ties) has a Kendall τ at least as far from 0: the exact
 * two-sided test of no trend, from the number of orders with each count of inversions. With few modules no order at all is
 * remarkable: of three, every τ comes by chance with probability 1/3 or more.
 * @param n at least 2
 * Source: Kendall, "A new measure of rank correlation", Biometrika 30 (1938).
 */
export function chanceOfTau(tau: number, n: number): number {
  const pairs = (n * (n - 1)) / 2;
  // share[k]: share of orders with k inversions; adding the i-th thing makes 0 to i − 1 more, each as likely.
  let share = [1];
  for (let i = 2; i <= n; i++) {
    const next = Array.from<number>({ length: (i * (i - 1)) / 2 + 1 }).fill(0);
    share.forEach((probability, k) => {
      for (let more = 0; more < i; more++) next[k + more]! += probability / i;
    });
    share = next;
  }
  return share.reduce(
    (sum, probability, k) =>
      Math.abs(1 - (2 * k) / pairs) >= Math.abs(tau) - 1e-9 ? sum + probability : sum,
    0,
  );
}
