import type { ImageShape } from "../types.ts";

/**
 * Cuts a window of the image's own size out of the image surrounded by `padding` pixels of black, at (top, left) of
 * the surrounded image, both in [0, 2 · padding]. source: [channels, height, width] at `start`; out: one image.
 * Source: He et al. 2015, arXiv 1512.03385, section 4.2 (padding 4 for CIFAR-10).
 */
export function cropPadded(
  source: Uint8Array,
  start: number,
  { channels, height, width }: ImageShape,
  padding: number,
  top: number,
  left: number,
  out: Uint8Array,
): void {
  out.fill(0);
  const dy = top - padding;
  const dx = left - padding;
  const fromX = Math.max(0, dx);
  const toX = Math.min(width, width + dx);
  if (fromX >= toX) return;
  for (let c = 0; c < channels; c++) {
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      const row = start + (c * height + y + dy) * width;
      out.set(source.subarray(row + fromX, row + toX), (c * height + y) * width + fromX - dx);
    }
  }
}
