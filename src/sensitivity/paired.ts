import type { Interval } from "./types.ts";

// Normal quantile for 95 %.
const z = 1.959963984540054;

/**
 * Error of one network minus that of another on the same images, with its 95 % interval over images: Agresti and Min's
 * (2005, "Simple improved confidence intervals for comparing matched proportions", Statistics in Medicine 24), which adds
 * half an image to each of the four cells of the table, so that no difference seen does not become no difference for sure.
 *
 * @param lost images that only the first gets wrong; `gained`: that only the second does
 */
export function pairedExcess(lost: number, gained: number, images: number): Interval {
  const value = (lost - gained) / images;
  const count = images + 2;
  const [b, c] = [lost + 0.5, gained + 0.5];
  const centre = (b - c) / count;
  const width = (z * Math.sqrt(b + c - (b - c) ** 2 / count)) / count;
  return {
    value,
    low: Math.max(-1, Math.min(value, centre - width)),
    high: Math.min(1, Math.max(value, centre + width)),
  };
}
