/** Rows of text in columns, each as wide as its widest entry; the last column is not padded. */
export function table(head: readonly string[] | undefined, rows: readonly (readonly string[])[]): string {
  const all = head === undefined ? rows : [head, ...rows];
  const widths: number[] = [];
  for (const row of all) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A share as a percentage with one decimal: 0.6138 → "61.4 %". */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
