import { ScopeError } from "./error.ts";

/** Plain data: what a spec, a record or a metric line may hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The one text of a JSON value: keys sorted by code unit, no white space, numbers as ECMAScript prints them.
 * Equal values have equal texts, so the text can be hashed into an address. Fields that are `undefined` are left out.
 * @throws {ScopeError} bug, for NaN, infinities and anything that is not plain data, with its path
 */
export function canonical(value: unknown, path = "$"): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value))
      throw new ScopeError("bug", `internal: ${path} is ${value}, which has no canonical text`);
    return JSON.stringify(Object.is(value, -0) ? 0 : value);
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => canonical(item, `${path}[${i}]`)).join(",")}]`;
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    const fields = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item, `${path}.${key}`)}`).join(",")}}`;
  }
  throw new ScopeError("bug", `internal: ${path} is not plain data`);
}
