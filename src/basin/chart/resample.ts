/**
 * Values on a regular grid, interpolated to `factor` times as many steps each way: Catmull and Rom's cubic through the
 * samples, held between the two samples on either side, so that no valley or hill appears that was not measured. One
 * ring of copies is put around, for contours that shall not end at the edge.
 * @param values [rows][columns]
 * @returns [(rows − 1) × factor + 3] × [(columns − 1) × factor + 3], row by row, and that size
 */
export function resample(
  values: readonly (readonly number[])[],
  factor: number,
): { readonly values: Float64Array; readonly width: number; readonly height: number } {
  const across = values.map((row) => along(row, factor));
  const columns = across[0]!.length;
  const down = Array.from({ length: columns }, (_, i) =>
    along(
      across.map((row) => row[i]!),
      factor,
    ),
  );
  const rows = down[0]!.length;
  const [width, height] = [columns + 2, rows + 2];
  const out = new Float64Array(width * height);
  const near = (index: number, size: number) => Math.min(size - 1, Math.max(0, index - 1));
  for (let j = 0; j < height; j++)
    for (let i = 0; i < width; i++) out[j * width + i] = down[near(i, columns)]![near(j, rows)]!;
  return { values: out, width, height };
}

function along(samples: readonly number[], factor: number): number[] {
  const at = (i: number) => samples[i]!;
  const out: number[] = [];
  for (let i = 0; i + 1 < samples.length; i++) {
    const [a, b] = [at(i), at(i + 1)];
    // Beyond the edge the values go on as they went inside.
    const p = samples[i - 1] ?? 2 * a - b;
    const q = samples[i + 2] ?? 2 * b - a;
    for (let k = 0; k < factor; k++) {
      const t = k / factor;
      const cubic = a + 0.5 * t * (b - p + t * (2 * p - 5 * a + 4 * b - q + t * (3 * (a - b) + q - p)));
      out.push(Math.min(Math.max(a, b), Math.max(Math.min(a, b), cubic)));
    }
  }
  out.push(at(samples.length - 1));
  return out;
}
