/** Exact sums over bytes, per channel: what mean and standard deviation are made of. */
export interface Sums {
  /** Number of bytes of each channel. */
  readonly count: number;
  readonly sum: readonly number[];
  readonly squares: readonly number[];
}

/**
 * Sums of images [count, channels, plane]. In integers below 2^53, so exact and independent of order.
 */
export function sumsOf(images: Uint8Array, channels: number, plane: number): Sums {
  const sum = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let start = 0, c = 0; start < images.length; start += plane, c = (c + 1) % channels) {
    let s = 0;
    let q = 0;
    for (let i = start; i < start + plane; i++) {
      const value = images[i]!;
      s += value;
      q += value * value;
    }
    sum[c]! += s;
    squares[c]! += q;
  }
  return { count: images.length / channels, sum: Array.from(sum), squares: Array.from(squares) };
}

/** The sums of no images. */
export function noSums(channels: number): Sums {
  const zeros = Array.from({ length: channels }, () => 0);
  return { count: 0, sum: zeros, squares: zeros };
}

/** Sums over both. */
export function addSums(a: Sums, b: Sums): Sums {
  return {
    count: a.count + b.count,
    sum: a.sum.map((value, c) => value + b.sum[c]!),
    squares: a.squares.map((value, c) => value + b.squares[c]!),
  };
}

/** Mean and population standard deviation per channel, in units of 1 = byte 255. No images: 0 and 1. */
export function momentsOf({ count, sum, squares }: Sums): {
  readonly mean: number[];
  readonly std: number[];
} {
  if (count === 0) return { mean: sum.map(() => 0), std: sum.map(() => 1) };
  const mean = sum.map((s) => s / count / 255);
  const std = sum.map((s, c) => Math.sqrt(Math.max(0, squares[c]! / count - (s / count) ** 2)) / 255);
  return { mean, std };
}
