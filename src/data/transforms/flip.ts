import type { ImageShape } from "../types.ts";

/** Mirrors one image left to right, in place. image: [channels, height, width]. */
export function flipHorizontal(image: Uint8Array, { channels, height, width }: ImageShape): void {
  for (let row = 0; row < channels * height; row++) image.subarray(row * width, (row + 1) * width).reverse();
}
