/**
 * Red, green, blue to grey by ITU-R BT.601 luma, 0.299 R + 0.587 G + 0.114 B, rounded (in integers, so exact).
 * images: [count, 3, plane] → [count, 1, plane].
 */
export function toGrey(images: Uint8Array, plane: number): Uint8Array {
  const count = images.length / (3 * plane);
  const out = new Uint8Array(count * plane);
  for (let n = 0; n < count; n++) {
    const red = n * 3 * plane;
    for (let i = 0; i < plane; i++) {
      const luma =
        299 * images[red + i]! + 587 * images[red + plane + i]! + 114 * images[red + 2 * plane + i]!;
      out[n * plane + i] = Math.floor((luma + 500) / 1000);
    }
  }
  return out;
}

/** Grey to three equal channels. images: [count, 1, plane] → [count, 3, plane]. */
export function toRgb(images: Uint8Array, plane: number): Uint8Array {
  const count = images.length / plane;
  const out = new Uint8Array(count * 3 * plane);
  for (let n = 0; n < count; n++) {
    const grey = images.subarray(n * plane, (n + 1) * plane);
    for (let c = 0; c < 3; c++) out.set(grey, (n * 3 + c) * plane);
  }
  return out;
}
