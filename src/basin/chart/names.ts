import { decimal, grouped, type Ranged } from "../../figure/numbers.ts";
import type { Interval, Path, Split } from "../results.ts";

/** The papers the figures of this room are held against. */
export const papers = {
  transfer: "Neyshabur, Sedghi & Zhang 2020 (arXiv 2008.11687)",
  instability: "Frankle, Dziugaite, Roy & Carbin 2020 (arXiv 1912.05671)",
  curves: "Garipov et al. 2018 (arXiv 1802.10026)",
  soups: "Wortsman et al. 2022 (arXiv 2203.05482)",
  wise: "Wortsman et al. 2022 (arXiv 2109.01903)",
  calibration: "Guo et al. 2017 (arXiv 1706.04599)",
} as const;

/** A split in a sentence. */
export const splitLabel: Readonly<Record<Split, string>> = { train: "training images", test: "test images" };

/**
 * Names short enough for a drawing: what all share at the beginning up to a folder's end, and common endings, go; a name
 * that is still longer than `most` loses its middle. Names that would become the same keep their number.
 */
export function shortNames(names: readonly string[], most: number): string[] {
  const bare = names.map((name) => name.replace(/\.(onnx|safetensors)$/, ""));
  const shared = names.length > 1 ? commonFolder(bare) : (bare[0]?.lastIndexOf("/") ?? -1) + 1;
  const short = bare.map((name) => cutMiddle(name.slice(shared), most));
  return short.map((name, i) =>
    short.indexOf(name) === i && short.lastIndexOf(name) === i ? name : `${i + 1}: ${name}`,
  );
}

function commonFolder(names: readonly string[]): number {
  let end = 0;
  const first = names[0]!;
  while (end < first.length && names.every((name) => name[end] === first[end])) end++;
  return first.lastIndexOf("/", end - 1) + 1;
}

/** A text with its middle left out where it is longer than `most` characters. */
export function cutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = most - 1;
  return `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
}

/** A loss in nats with its interval: "1.23 (1.19 to 1.28)". */
export function nats({ value, low, high }: Interval, signed = false): string {
  const main = decimal(value, 2, signed);
  return low === null || high === null
    ? main
    : `${main} (${decimal(low, 2, signed)} to ${decimal(high, 2, signed)})`;
}

/** A share or a difference of shares in hundredths with its interval: "38.2 (37.0 to 39.5)". */
export function hundredthsRange({ value, low, high }: Interval): string {
  const main = decimal(100 * value, 1);
  return low === null || high === null
    ? main
    : `${main} (${decimal(100 * low, 1)} to ${decimal(100 * high, 1)})`;
}

/** Value and interval as three fields of a table. */
export function csvInterval(interval: Ranged | null): [number | null, number | null, number | null] {
  return interval === null ? [null, null, null] : [interval.value, interval.low, interval.high];
}

/** A path's curves as rows of a table: split, α, loss and accuracy with their intervals. */
export function curveRows({ at, curves }: Pick<Path, "at" | "curves">): (string | number | null)[][] {
  return curves.flatMap((curve) =>
    at.map((alpha, i) => [
      curve.split,
      alpha,
      ...csvInterval(curve.loss[i] ?? null),
      ...csvInterval(curve.accuracy[i]!),
    ]),
  );
}

/** "5,000 training and 2,000 test images of cifar10"; a split that was not looked at is not named. */
export function imagesOf(data: {
  readonly set: string;
  readonly train: number;
  readonly test: number;
}): string {
  const parts = [
    ...(data.train > 0 ? [`${grouped(data.train)} training`] : []),
    ...(data.test > 0 ? [`${grouped(data.test)} test`] : []),
  ];
  return `${parts.join(" and ")} images of ${data.set}`;
}

/** "one pair", "3 pairs". */
export function pairCount(count: number): string {
  return count === 1 ? "one pair" : `${count} pairs`;
}
