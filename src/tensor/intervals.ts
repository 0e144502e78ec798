/**
 * 95 % interval for a share, from `successes` of `trials`, by Wilson's score method (Wilson 1927, equation for the
 * roots of (p̂ − p)² = z² p(1 − p)/n). Unlike p̂ ± z·s it stays in [0, 1] and is right near the ends.
 */
export function wilson(successes: number, trials: number): { low: number; high: number } {
  if (trials === 0) return { low: 0, high: 1 };
  const z = 1.959963984540054;
  const p = successes / trials;
  const middle = (p + (z * z) / (2 * trials)) / (1 + (z * z) / trials);
  const half =
    (z / (1 + (z * z) / trials)) * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
