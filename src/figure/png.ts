import { encode } from "fast-png";

/**
 * An image as a PNG data URL.
 * @param planes [channels, height, width] uint8, planar; channels 1 (grey) or 3 (red, green, blue); others show their first
 */
export function pngUrl(
  planes: Uint8Array,
  shape: { readonly channels: number; readonly height: number; readonly width: number },
): string {
  const { height, width } = shape;
  const channels = shape.channels >= 3 ? 3 : 1;
  const plane = height * width;
  const data = new Uint8Array(plane * channels);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) data[i * channels + c] = planes[c * plane + i]!;
  }
  const bytes = encode({ width, height, data, channels, depth: 8 });
  return `data:image/png;base64,${base64(bytes)}`;
}

/** Bytes in base64, in any runtime. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  // Argument lists are limited; 32 kB is far below every engine's limit.
  for (let i = 0; i < bytes.length; i += 32_768)
    text += String.fromCharCode(...bytes.subarray(i, i + 32_768));
  return btoa(text);
}
