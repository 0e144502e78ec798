/** A number and its interval; null where none can be had. */
export interface Ranged {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** A number with a true minus sign; `signed` also writes a plus. */
export function decimal(value: number, digits: number, signed = false): string {
  const text = Math.abs(value).toFixed(digits);
  const zero = Number(text) === 0;
  const sign = value < 0 && !zero ? "−" : signed && !zero ? "+" : "";
  return sign + text;
}

/** Half the length of the interval; null when there is none. */
function halfWidth({ low, high }: Ranged): number | null {
  return low === null || high === null ? null : (high - low) / 2;
}

/** Digits after the point of a percentage whose uncertainty is `half` (in shares): none, unless less than a point is known. */
function digitsFor(half: number | null): number {
  return half !== null && half < 0.0095 ? 1 : 0;
}

/** A share (or a difference of shares) in hundredths, with its symmetric interval: "61 ± 2", "+13 ± 2"; "61" without one. */
export function hundredths(estimate: Ranged, signed = false): string {
  const half = halfWidth(estimate);
  const digits = digitsFor(half);
  const value = decimal(100 * estimate.value, digits, signed);
  return half === null ? value : `${value} ± ${decimal(100 * half, digits)}`;
}

/** A share with its symmetric interval, as a percentage: "61 ± 2 %"; "61 %" when there is no interval. */
export function percent(estimate: Ranged): string {
  return `${hundredths(estimate)} %`;
}

/** A difference of shares with its symmetric interval: "+13 ± 2 points". */
export function points(estimate: Ranged): string {
  return `${hundredths(estimate, true)} points`;
}

/** A share whose interval need not be symmetric: "38 % (29 to 47 %)". */
export function percentRange({ value, low, high }: Ranged): string {
  const main = `${decimal(100 * value, 0)} %`;
  return low === null || high === null
    ? main
    : `${main} (${decimal(100 * low, 0)} to ${decimal(100 * high, 0)} %)`;
}

/** A whole number as people read it: "78", "1,250". */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** An enumeration in words: "a", "a and b", "a, b and c". */
export function enumerate(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
