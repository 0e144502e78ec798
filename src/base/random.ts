import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";

/** What a random stream is for. Each has a seed of its own, so each can be varied with all others held fixed. */
export type StreamName =
  | "init"
  | "head"
  | "order"
  | "augmentation"
  | "shuffle"
  | "noise"
  | "subset"
  | "split"
  | "bootstrap";

/** A seeded source of random numbers (xoroshiro128+, from pure-rand). Same seed and calls, same numbers, everywhere. */
export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal, by Box and Muller's transform (both values of a pair are used). */
  normal(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
  /** A uniformly random order of 0 … n−1 (Fisher–Yates). */
  permutation(n: number): Int32Array;
}

/** 32-bit FNV-1a with a final avalanche: turns a name into a seed. Not cryptographic. */
function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/**
 * The random stream `name` of `seed`. Further `parts` (an epoch, a tensor's name) make sub-streams, so that drawing
 * from one never shifts another and any epoch's numbers can be had without replaying the earlier ones.
 */
export function stream(seed: number, name: StreamName, ...parts: readonly (string | number)[]): Random {
  const key = [seed, name, ...parts].join("\u0000");
  return from(xoroshiro128plus(hash32(key)), xoroshiro128plus(hash32(`${key}\u0001`)));
}

function from(rng: RandomGenerator, normalRng: RandomGenerator): Random {
  let spare: number | undefined;
  return {
    uniform: () => uniformFloat64(rng),
    below: (n) => uniformInt(rng, 0, n - 1),
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniformFloat64(normalRng)));
      const angle = 2 * Math.PI * uniformFloat64(normalRng);
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    permutation(n) {
      const order = Int32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = uniformInt(rng, 0, i);
        const kept = order[i]!;
        order[i] = order[j]!;
        order[j] = kept;
      }
      return order;
    },
  };
}
