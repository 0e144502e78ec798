import type { ImageShape, Pixels, Split } from "./types.ts";

/**
 * A contact sheet: one row per class with that class's first `perClass` images of the split, `gap` white pixels
 * between them. Result: RGB pixels, interleaved. For people to see what a network is shown.
 */
export function contactSheet(
  split: Split,
  shape: ImageShape,
  classes: number,
  perClass: number,
  gap = 1,
): Pixels {
  const { channels, height, width } = shape;
  const sheetWidth = perClass * (width + gap) + gap;
  const sheetHeight = classes * (height + gap) + gap;
  const data = new Uint8Array(sheetWidth * sheetHeight * 3).fill(255);
  const shown = new Int32Array(classes);
  for (const [i, label] of split.labels.entries()) {
    const column = shown[label]!;
    if (column >= perClass) continue;
    shown[label] = column + 1;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const to = ((gap + label * (height + gap) + y) * sheetWidth + gap + column * (width + gap) + x) * 3;
        for (let c = 0; c < 3; c++) {
          const channel = channels === 1 ? 0 : c;
          data[to + c] = split.images[((i * channels + channel) * height + y) * width + x]!;
        }
      }
    }
  }
  return { width: sheetWidth, height: sheetHeight, channels: 3, data };
}
