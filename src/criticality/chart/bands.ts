import { viridis } from "../../basin/chart/surface.ts";

/** Steps of colour for excess errors, and where they end. */
export interface Bands {
  /** Rising limits between the colours, shares; ε is one of them. */
  readonly limits: readonly number[];
  /** One more than limits: dark where the network is as good as the final one. */
  readonly colors: readonly string[];
  /** The colour of an excess. */
  readonly colorOf: (excess: number) => string;
}

/**
 * Bands of excess error: their limits are ε/4, ε, and from there on 1, 2, 5, 10, … points up to the greatest seen, so that
 * both the edge of what is allowed and the way up to chance can be read from one key.
 */
export function excessBands(epsilon: number, most: number): Bands {
  const series = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8];
  const above = series.filter((limit) => limit > 1.5 * epsilon && limit < most);
  const limits = [...(epsilon > 0 ? [epsilon / 4, epsilon] : [0]), ...above];
  const colors = viridis(limits.length + 1);
  return {
    limits,
    colors,
    colorOf: (excess) => colors[bandOf(limits, excess)]!,
  };
}

/** Index of the first limit that is not exceeded. */
function bandOf(limits: readonly number[], excess: number): number {
  const found = limits.findIndex((limit) => excess <= limit);
  return found < 0 ? limits.length : found;
}

/** A limit in points: "0.25", "1", "20". */
export function limitText(limit: number): string {
  return String(Number((100 * limit).toFixed(2)));
}
