import fc from "fast-check";
import { expect, test } from "vitest";
import { canonical } from "./canonical.ts";

/** JSON values as JSON.parse gives them. −0 has no JSON text of its own. */
const json = fc
  .jsonValue({ noUnicodeString: false })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);

/** The same value with the fields of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, reordered(item)]),
  );
}

test("the text is JSON of the same value", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(JSON.parse(canonical(value))).toEqual(value);
    }),
  );
});

test("the order of fields does not matter, and white space is absent", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(canonical(reordered(value))).toBe(canonical(value));
    }),
  );
  expect(canonical({ b: [1, { d: "x y", c: null }], a: true })).toBe(
    '{"a":true,"b":[1,{"c":null,"d":"x y"}]}',
  );
});

test("fields are sorted by code unit, so that every machine and language agrees", () => {
  expect(canonical({ ä: 1, z: 2, Z: 3, "10": 4, "9": 5 })).toBe('{"10":4,"9":5,"Z":3,"z":2,"ä":1}');
});

test("numbers are written as ECMAScript prints them, −0 as 0, and absent fields are left out", () => {
  expect(canonical([1e21, 1e-7, 0.1, -0, 100])).toBe("[1e+21,1e-7,0.1,0,100]");
  expect(canonical({ a: undefined, b: 1 })).toBe('{"b":1}');
});

test("what is no plain data is refused, with its path", () => {
  expect(() => canonical({ a: [0, { b: Number.NaN }] })).toThrow(
    "$.a[1].b is NaN, which has no canonical text",
  );
  expect(() => canonical([Infinity])).toThrow("$[0] is Infinity");
  for (const one of [new Map(), new Date(0), 1n, Symbol("x"), () => 0, new Uint8Array(1)]) {
    expect(() => canonical({ field: one })).toThrow("$.field is not plain data");
  }
  expect(() => canonical([undefined])).toThrow("$[0] is not plain data");
});
